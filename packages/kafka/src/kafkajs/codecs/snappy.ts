import { UndecodableError } from '../undecodable-error.ts'
import { GrowingBuffer, tooLarge } from './growing-buffer.ts'

/** The framing of the Java library in Kafka's own clients: https://github.com/xerial/snappy-java */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])
const XERIAL_HEADER_BYTES = XERIAL_MAGIC.length + 4 + 4
const LENGTH_BYTES = 4

/**
 * Decompresses snappy, in the framing of the Java clients or without framing, as other clients write it. The framing has no
 * checksum; the record batch has one.
 *
 * @throws UndecodableError when it is not snappy, or more than `maxBytes`
 */
export function decompressSnappy (source: Buffer, maxBytes: number): Buffer {
  const out = new GrowingBuffer(maxBytes)
  if (source.length < XERIAL_HEADER_BYTES || !source.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) {
    block(source, out, maxBytes)
    return out.written
  }
  for (let at = XERIAL_HEADER_BYTES; at < source.length;) {
    // Concatenated streams: each one begins with the header.
    if (source.length - at >= XERIAL_HEADER_BYTES && source.subarray(at, at + XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) {
      at += XERIAL_HEADER_BYTES
      continue
    }
    if (source.length - at < LENGTH_BYTES) throw new UndecodableError('the length of a snappy block', 'the end')
    const length = source.readInt32BE(at)
    at += LENGTH_BYTES
    if (length < 0 || length > source.length - at) throw new UndecodableError(`a snappy block of ${length} bytes`, `${source.length - at}`)
    block(source.subarray(at, at + length), out, maxBytes)
    at += length
  }
  return out.written
}

/** https://github.com/google/snappy/blob/main/format_description.txt */
function block (source: Buffer, out: GrowingBuffer, maxBytes: number): void {
  let at = 0
  const byte = () => {
    if (at >= source.length) throw new UndecodableError('another byte of snappy', 'the end')
    return source[at++]!
  }
  const number = (bytes: number) => {
    let value = 0
    for (let index = 0; index < bytes; index++) value += byte() * 2 ** (8 * index)
    return value
  }
  let length = 0
  for (let shift = 0; ; shift += 7) {
    const next = byte()
    length += (next & 0x7f) * 2 ** shift
    if (next < 0x80) break
    if (shift >= 28) throw new UndecodableError('the length of a snappy block', 'a longer number')
  }
  const start = out.length
  if (start + length > maxBytes) throw tooLarge(maxBytes)
  out.reserve(length)
  // A copy may not reach back beyond the start of its own block.
  const copy = (distance: number, count: number) => {
    if (distance > out.length - start) throw new UndecodableError(`a distance from 1 to ${out.length - start}`, String(distance))
    if (out.length - start + count > length) throw new UndecodableError(`${length} bytes in a snappy block`, 'more')
    out.repeat(distance, count)
  }
  while (at < source.length) {
    const tag = byte()
    switch (tag & 3) {
      case 0: {
        const short = tag >>> 2
        const count = (short < 60 ? short : number(short - 59)) + 1
        if (count > source.length - at || out.length - start + count > length) throw new UndecodableError(`${count} literal bytes`, 'fewer')
        out.append(source.subarray(at, at + count))
        at += count
        break
      }
      case 1: copy((tag >>> 5) * 256 + byte(), (tag >>> 2 & 7) + 4); break
      case 2: copy(number(2), (tag >>> 2) + 1); break
      default: copy(number(4), (tag >>> 2) + 1)
    }
  }
  if (out.length - start !== length) throw new UndecodableError(`${length} bytes in a snappy block`, `${out.length - start}`)
}
