import { GrowingBuffer } from '../records/growing-buffer.ts'
import { UndecodableError } from '../records/undecodable-error.ts'

const FRAME_MAGIC = 0x184d2204
/** 16 magic numbers, of frames that are to be skipped. */
const SKIPPABLE_MAGIC = 0x184d2a50
const UNCOMPRESSED = 0x8000_0000
const MIN_MATCH = 4

/**
 * Decompresses frames of LZ4: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
 *
 * Checksums are passed over, not checked: the record batch has one, and old Kafka clients wrote the header's wrongly.
 *
 * @throws UndecodableError when it is not LZ4, or more than `maxBytes`
 */
export function decompressLz4 (source: Buffer, maxBytes: number): Buffer {
  const out = new GrowingBuffer(maxBytes)
  let at = 0
  const take = (bytes: number) => {
    if (bytes > source.length - at) throw new UndecodableError(`${bytes} more bytes of LZ4`, String(source.length - at))
    at += bytes
    return at - bytes
  }
  while (at < source.length) {
    const magic = source.readUInt32LE(take(4))
    if (magic >>> 4 === SKIPPABLE_MAGIC >>> 4) {
      take(source.readUInt32LE(take(4)))
      continue
    }
    if (magic !== FRAME_MAGIC) throw new UndecodableError('a frame of LZ4', `the magic number 0x${magic.toString(16)}`)
    const flags = source[take(1)]!
    if (flags >>> 6 !== 1) throw new UndecodableError('version 1 of the frame format of LZ4', String(flags >>> 6))
    if ((flags & 0x01) !== 0) throw new UndecodableError('a frame of LZ4 without a dictionary', 'one with')
    take(1) // the largest block's size: the limit on all of it is ours
    if ((flags & 0x08) !== 0) take(8) // size of the content
    take(1) // checksum of the header
    const frameStart = out.length
    for (;;) {
      const size = source.readUInt32LE(take(4))
      if (size === 0) break
      const length = size % UNCOMPRESSED
      const start = take(length)
      const independent = (flags & 0x20) !== 0
      if (size >= UNCOMPRESSED) out.append(source.subarray(start, at))
      else block(source, start, at, out, independent ? out.length : frameStart)
      if ((flags & 0x10) !== 0) take(4) // checksum of the block
    }
    if ((flags & 0x04) !== 0) take(4) // checksum of the content
  }
  return out.written
}

/** https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md @param windowStart a match reaches back no further than this */
function block (source: Buffer, start: number, end: number, out: GrowingBuffer, windowStart: number): void {
  let at = start
  const byte = () => {
    if (at >= end) throw new UndecodableError('another byte of a block of LZ4', 'the end')
    return source[at++]!
  }
  const extended = (length: number) => {
    if (length < 15) return length
    let total = length
    for (let next = 255; next === 255;) {
      next = byte()
      total += next
    }
    return total
  }
  for (;;) {
    const token = byte()
    const literals = extended(token >>> 4)
    if (literals > end - at) throw new UndecodableError(`${literals} bytes as they are`, String(end - at))
    out.append(source.subarray(at, at + literals))
    at += literals
    // The last sequence of a block has no match.
    if (at === end) return
    const distance = byte() | byte() << 8
    if (distance > out.length - windowStart) throw new UndecodableError(`a distance from 1 to ${out.length - windowStart}`, String(distance))
    out.repeat(distance, extended(token & 15) + MIN_MATCH)
  }
}
