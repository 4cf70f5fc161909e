const VARINT_MAX_BYTES = 5
const VARLONG_MAX_BYTES = 10
/** Up to this length a loop over the characters is faster than a call to Node's encoder. */
const SHORT_TEXT = 48
/** Above this length the exact byte length is calculated: reserving three bytes for each character would waste memory. */
const LONG_TEXT = 4_096

/** Writes the fields of Kafka's protocol into one growing buffer. */
export class ByteWriter {
  #bytes: Buffer
  #end = 0

  constructor (capacity: number) {
    this.#bytes = Buffer.allocUnsafe(capacity)
  }

  /** Bytes written so far. */
  get length (): number {
    return this.#end
  }

  /** The written bytes. Not a copy, so nothing may be written afterwards. */
  get buffer (): Buffer {
    return this.#bytes.subarray(0, this.#end)
  }

  skip (bytes: number): void {
    this.#ensure(bytes)
    this.#end += bytes
  }

  int8 (value: number): void {
    this.#ensure(1)
    this.#bytes[this.#end++] = value
  }

  int16 (value: number): void {
    this.#ensure(2)
    this.#end = this.#bytes.writeInt16BE(value, this.#end)
  }

  int32 (value: number): void {
    this.#ensure(4)
    this.#end = this.#bytes.writeInt32BE(value, this.#end)
  }

  int64 (value: bigint): void {
    this.#ensure(8)
    this.#end = this.#bytes.writeBigInt64BE(value, this.#end)
  }

  /** Writes at an offset that was skipped before. */
  int32At (offset: number, value: number): void {
    this.#bytes.writeInt32BE(value, offset)
  }

  uint32At (offset: number, value: number): void {
    this.#bytes.writeUInt32BE(value, offset)
  }

  /** A text after its length as int16; -1 for null. */
  string (text: string | null | undefined): void {
    if (text === null || text === undefined) {
      this.int16(-1)
      return
    }
    const lengthAt = this.#end
    this.skip(2)
    this.#text(text)
    this.#bytes.writeInt16BE(this.#end - lengthAt - 2, lengthAt)
  }

  raw (bytes: Uint8Array): void {
    this.#ensure(bytes.length)
    this.#bytes.set(bytes, this.#end)
    this.#end += bytes.length
  }

  varint (value: number): void {
    this.#ensure(VARINT_MAX_BYTES)
    this.#end = putVarint(this.#bytes, value, this.#end)
  }

  varlong (value: number): void {
    // The same bytes, without a BigInt.
    if (value === (value | 0)) {
      this.varint(value)
      return
    }
    this.#ensure(VARLONG_MAX_BYTES)
    const long = BigInt(value)
    let rest = BigInt.asUintN(64, (long << 1n) ^ (long >> 63n))
    while (rest > 0x7fn) {
      this.#bytes[this.#end++] = Number(rest & 0x7fn) | 0x80
      rest >>= 7n
    }
    this.#bytes[this.#end++] = Number(rest)
  }

  /** A value after its length as varint; -1 for null. */
  varintBytes (value: Uint8Array | string | null | undefined): void {
    if (value === null || value === undefined) this.varint(-1)
    else if (typeof value !== 'string') {
      this.varint(value.length)
      this.raw(value)
    } else {
      // Exact when every character is one byte, which is nearly always.
      const lengthAt = this.reserveVarint(value.length)
      this.#text(value)
      this.closeVarint(lengthAt, value.length)
    }
  }

  /** Reserves bytes for a length that is not known yet. @returns their offset */
  reserveVarint (expected: number): number {
    const at = this.#end
    this.skip(sizeOfVarint(expected))
    return at
  }

  /** Writes the length of everything after {@link ByteWriter.reserveVarint}. Moves the bytes if the length needs more or less room. */
  closeVarint (at: number, expected: number): void {
    const reserved = sizeOfVarint(expected)
    const length = this.#end - at - reserved
    const needed = sizeOfVarint(length)
    if (needed !== reserved) {
      this.#ensure(needed)
      this.#bytes.copyWithin(at + needed, at + reserved, this.#end)
      this.#end += needed - reserved
    }
    putVarint(this.#bytes, length, at)
  }

  #text (text: string): void {
    this.#ensure(text.length > LONG_TEXT ? Buffer.byteLength(text) : text.length * 3)
    const bytes = this.#bytes
    if (text.length <= SHORT_TEXT) {
      let at = this.#end
      let index = 0
      for (; index < text.length; index++) {
        const code = text.charCodeAt(index)
        if (code > 0x7f) break
        bytes[at++] = code
      }
      if (index === text.length) {
        this.#end = at
        return
      }
    }
    this.#end += bytes.write(text, this.#end)
  }

  #ensure (bytes: number): void {
    const needed = this.#end + bytes
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2))
    larger.set(this.#bytes.subarray(0, this.#end))
    this.#bytes = larger
  }
}

export function sizeOfVarint (value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  if (zigzag < 0x80) return 1
  if (zigzag < 0x4000) return 2
  if (zigzag < 0x20_0000) return 3
  return zigzag < 0x1000_0000 ? 4 : 5
}

/** @returns the offset after the number */
function putVarint (bytes: Buffer, value: number, offset: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  while (rest > 0x7f) {
    bytes[offset++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  bytes[offset++] = rest
  return offset
}
