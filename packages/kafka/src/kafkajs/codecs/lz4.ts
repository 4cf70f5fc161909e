import { UndecodableError } from '../undecodable-error.ts'
import { GrowingBuffer } from './growing-buffer.ts'

const FRAME_MAGIC = 0x184d2204
/** The first of 16 magic numbers of frames to skip. */
const SKIPPABLE_MAGIC = 0x184d2a50
const UNCOMPRESSED = 0x8000_0000
const MIN_MATCH = 4

/**
 * Decompresses LZ4 frames: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
 *
 * Checksums are skipped: the record batch has its own, and old Kafka clients wrote wrong checksums of the header.
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
    if (magic !== FRAME_MAGIC) throw new UndecodableError('an LZ4 frame', `the magic number 0x${magic.toString(16)}`)
    const flags = source[take(1)]!
    if (flags >>> 6 !== 1) throw new UndecodableError('version 1 of the LZ4 frame format', String(flags >>> 6))
    if ((flags & 0x01) !== 0) throw new UndecodableError('an LZ4 frame without a dictionary', 'one with a dictionary')
    take(1) // the largest block's size: maxBytes limits the whole output
    if ((flags & 0x08) !== 0) take(8) // content size
    take(1) // header checksum
    const frameStart = out.length
    for (;;) {
      const size = source.readUInt32LE(take(4))
      if (size === 0) break
      const length = size % UNCOMPRESSED
      const start = take(length)
      const independent = (flags & 0x20) !== 0
      if (size >= UNCOMPRESSED) out.append(source.subarray(start, at))
      else block(source, start, at, out, independent ? out.length : frameStart)
      if ((flags & 0x10) !== 0) take(4) // block checksum
    }
    if ((flags & 0x04) !== 0) take(4) // content checksum
  }
  return out.written
}

/** https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md @param windowStart the earliest position that a match may copy from */
function block (source: Buffer, start: number, end: number, out: GrowingBuffer, windowStart: number): void {
  let at = start
  const byte = () => {
    if (at >= end) throw new UndecodableError('another byte of an LZ4 block', 'the end')
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
    if (literals > end - at) throw new UndecodableError(`${literals} literal bytes`, String(end - at))
    out.append(source.subarray(at, at + literals))
    at += literals
    // The last sequence of a block has no match.
    if (at === end) return
    const distance = byte() | byte() << 8
    if (distance > out.length - windowStart) throw new UndecodableError(`a distance from 1 to ${out.length - windowStart}`, String(distance))
    out.repeat(distance, extended(token & 15) + MIN_MATCH)
  }
}
