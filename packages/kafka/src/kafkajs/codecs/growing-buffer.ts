import { UndecodableError } from '../undecodable-error.ts'

const FIRST_BYTES = 65_536

/** Collects decompressed bytes up to a limit, because a few compressed bytes can stand for gigabytes. */
export class GrowingBuffer {
  readonly #maxBytes: number
  bytes: Buffer
  length = 0

  constructor (maxBytes: number) {
    this.#maxBytes = maxBytes
    this.bytes = Buffer.allocUnsafe(Math.min(FIRST_BYTES, maxBytes))
  }

  /**
   * Makes room for `count` more bytes. `bytes` may be another buffer afterwards.
   *
   * @throws UndecodableError when the limit would be exceeded
   */
  reserve (count: number): void {
    const needed = this.length + count
    if (needed > this.#maxBytes) throw tooLarge(this.#maxBytes)
    if (needed <= this.bytes.length) return
    const larger = Buffer.allocUnsafe(Math.min(this.#maxBytes, Math.max(needed, this.bytes.length * 2)))
    larger.set(this.bytes.subarray(0, this.length))
    this.bytes = larger
  }

  append (source: Uint8Array): void {
    this.reserve(source.length)
    this.bytes.set(source, this.length)
    this.length += source.length
  }

  /** Copies `count` bytes from `distance` bytes back. The source may overlap the copy. */
  repeat (distance: number, count: number): void {
    if (distance < 1 || distance > this.length) throw new UndecodableError(`a distance from 1 to ${this.length}`, String(distance))
    this.reserve(count)
    const { bytes } = this
    const start = this.length
    if (distance >= count) bytes.copyWithin(start, start - distance, start - distance + count)
    else if (distance === 1) bytes.fill(bytes[start - 1]!, start, start + count)
    else for (let index = 0; index < count; index++) bytes[start + index] = bytes[start - distance + index]!
    this.length += count
  }

  /** The collected bytes; no copy. */
  get written (): Buffer {
    return this.bytes.subarray(0, this.length)
  }
}

export function tooLarge (maxBytes: number): UndecodableError {
  return new UndecodableError(`at most ${maxBytes} bytes of records in a decompressed batch`, 'more')
}
