import { UndecodableError } from '../undecodable-error.ts'
import { decompressGzip, decompressZstd } from './frames.ts'
import { tooLarge } from './growing-buffer.ts'
import { decompressLz4 } from './lz4.ts'
import { decompressSnappy } from './snappy.ts'

/** The limit of one decompressed batch. It has to fit into a consumer's memory, together with its fetch. */
export const MAX_DECOMPRESSED_BYTES = 33_554_432

type Decompress = (source: Buffer, maxBytes: number) => Promise<Buffer> | Buffer

/** By the codec number in the attributes of a record batch: https://kafka.apache.org/documentation/#recordbatch */
const CODECS = new Map<number, Decompress>([
  [1, decompressGzip],
  [2, decompressSnappy],
  [3, decompressLz4],
  [4, decompressZstd]
])

/** A codec that is newer than this code. A newer version may read the batch, so it must not be skipped. */
export class UnknownCodecError extends UndecodableError {
  constructor (codec: number) {
    super('compression by gzip, snappy, lz4 or zstd', `codec ${codec}, which this version cannot read`)
    this.name = 'UnknownCodecError'
  }
}

/**
 * The records of a batch, decompressed.
 *
 * @throws UnknownCodecError | UndecodableError
 */
export async function decompress (codec: number, source: Buffer, maxBytes = MAX_DECOMPRESSED_BYTES): Promise<Buffer> {
  const work = CODECS.get(codec)
  if (work === undefined) throw new UnknownCodecError(codec)
  try {
    return await work(source, maxBytes)
  } catch (error) {
    if (error instanceof UndecodableError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes)
    throw new UndecodableError('compressed records', `bytes that cannot be decompressed (${message})`)
  }
}
