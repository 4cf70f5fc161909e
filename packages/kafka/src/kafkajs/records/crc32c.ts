const POLYNOMIAL = 0x82f63b78
const SLICES = 8
const tables = createTables()

/**
 * CRC-32C (Castagnoli), the checksum of a record batch. Node's `zlib.crc32` uses another polynomial.
 * Eight bytes a step ("slicing by 8"), because it reads every byte that is published.
 */
export function crc32c (bytes: Uint8Array, start = 0, end = bytes.length): number {
  const table = tables
  let crc = -1
  let at = start
  for (; at + SLICES <= end; at += SLICES) {
    const low = crc ^ (bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24)
    crc = table[1_792 + (low & 0xff)]! ^ table[1_536 + (low >>> 8 & 0xff)]! ^
      table[1_280 + (low >>> 16 & 0xff)]! ^ table[1_024 + (low >>> 24)]! ^
      table[768 + bytes[at + 4]!]! ^ table[512 + bytes[at + 5]!]! ^
      table[256 + bytes[at + 6]!]! ^ table[bytes[at + 7]!]!
  }
  for (; at < end; at++) crc = table[(crc ^ bytes[at]!) & 0xff]! ^ crc >>> 8
  return ~crc >>> 0
}

/** Table `n`, at `n * 256`: the effect of a byte on the checksum when `n` more bytes follow it. */
function createTables (): Int32Array {
  const table = new Int32Array(SLICES * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >>> 1 ^ POLYNOMIAL : crc >>> 1
    table[byte] = crc
  }
  for (let index = 256; index < table.length; index++) {
    const previous = table[index - 256]!
    table[index] = previous >>> 8 ^ table[previous & 0xff]!
  }
  return table
}
