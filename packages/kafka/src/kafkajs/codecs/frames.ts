import { crc32, inflateRaw, zstdDecompress, type ZlibOptions, type ZstdOptions } from 'node:zlib'
import { UndecodableError } from '../undecodable-error.ts'
import { tooLarge } from './growing-buffer.ts'

/** The decompressed bytes of one frame, and how many bytes of the source it took. */
interface Frame {
  bytes: Buffer
  taken: number
}

/**
 * Decompresses zstd: any number of frames, one after the other. Node's own function stops after the first one, without an error, so the
 * records of all others would be lost.
 *
 * @throws the error of zlib, or UndecodableError when it is more than `maxBytes`
 */
export async function decompressZstd (source: Buffer, maxBytes: number): Promise<Buffer> {
  return collect(maxBytes, async (at, limit) => {
    // An empty source is an error of zlib.
    if (at > 0 && at === source.length) return undefined
    return frameOf(zstdDecompress, source.subarray(at), limit)
  })
}

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b, 8])
const TRAILER_BYTES = 8

/**
 * Decompresses gzip: any number of members, one after the other. What follows the last one is ignored, as the broker and the Java client
 * do. Node's own function takes it for a broken member, and fails.
 *
 * @throws the error of zlib, or UndecodableError when it is not gzip, or more than `maxBytes`
 */
export async function decompressGzip (source: Buffer, maxBytes: number): Promise<Buffer> {
  return collect(maxBytes, async (at, limit) => {
    const member = source.subarray(at)
    const isMember = member.subarray(0, GZIP_MAGIC.length).equals(GZIP_MAGIC)
    if (at > 0 && !isMember) return undefined
    if (!isMember) throw new UndecodableError('gzip', `the bytes ${member.subarray(0, GZIP_MAGIC.length).toString('hex')}`)
    const start = gzipHeaderBytes(member)
    const { bytes, taken } = await frameOf(inflateRaw, member.subarray(start), limit)
    const end = start + taken
    if (member.length - end < TRAILER_BYTES) throw new UndecodableError('the checksum of a gzip member', 'the end')
    if (member.readUInt32LE(end) !== crc32(bytes)) throw new UndecodableError(`a gzip member with the checksum ${member.readUInt32LE(end)}`, String(crc32(bytes)))
    return { bytes, taken: end + TRAILER_BYTES }
  })
}

/** https://www.rfc-editor.org/rfc/rfc1952#section-2.3 */
function gzipHeaderBytes (member: Buffer): number {
  const flags = member[3] ?? 0
  let at = 10
  const skipText = () => {
    const end = member.indexOf(0, at)
    if (end === -1) throw new UndecodableError('the end of a text in the header of gzip', 'the end of the bytes')
    at = end + 1
  }
  if ((flags & 0x04) !== 0) at += 2 + (at + 2 <= member.length ? member.readUInt16LE(at) : 0)
  if ((flags & 0x08) !== 0) skipText()
  if ((flags & 0x10) !== 0) skipText()
  if ((flags & 0x02) !== 0) at += 2
  return at
}

type Work<Options> = (source: Buffer, options: Options, callback: (error: Error | null, result: Buffer) => void) => void

async function frameOf<Options extends ZlibOptions | ZstdOptions> (work: Work<Options>, source: Buffer, maxOutputLength: number): Promise<Frame> {
  return new Promise((resolve, reject) => {
    work(source, { info: true, maxOutputLength } as Options, (error, result) => {
      if (error !== null) {
        reject(error)
        return
      }
      // With `info` the result is not the buffer alone.
      const { buffer, engine } = result as unknown as { buffer: Buffer, engine: { bytesWritten: number } }
      resolve({ bytes: buffer, taken: engine.bytesWritten })
    })
  })
}

/** @param next the frame at a place of the source; undefined behind the last one */
async function collect (maxBytes: number, next: (at: number, limit: number) => Promise<Frame | undefined>): Promise<Buffer> {
  const frames: Buffer[] = []
  let length = 0
  for (let at = 0; ;) {
    // zlib takes no limit of 0.
    const frame = await next(at, Math.max(1, maxBytes - length))
    if (frame === undefined) return frames.length === 1 ? frames[0]! : Buffer.concat(frames)
    if (frame.taken === 0) throw new UndecodableError('another frame', 'bytes that are none')
    at += frame.taken
    length += frame.bytes.length
    if (length > maxBytes) throw tooLarge(maxBytes)
    if (frame.bytes.length > 0 || frames.length === 0) frames.push(frame.bytes)
  }
}
