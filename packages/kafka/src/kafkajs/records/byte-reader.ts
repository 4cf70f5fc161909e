import { UndecodableError } from '../undecodable-error.ts'

const VARINT_MAX_BYTES = 5
const VARLONG_MAX_BYTES = 10

/** Reads the fields of a record. Every method throws UndecodableError at the end of the bytes. */
export class ByteReader {
  readonly #bytes: Buffer
  #at: number
  readonly #end: number

  constructor (bytes: Buffer, start = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  /** The unread bytes; no copy. */
  get rest (): Buffer {
    return this.#bytes.subarray(this.#at, this.#end)
  }

  int8 (): number {
    if (this.#at >= this.#end) throw new UndecodableError('another byte', 'the end')
    return this.#bytes.readInt8(this.#at++)
  }

  varint (): number {
    let value = 0
    for (let shift = 0; shift < VARINT_MAX_BYTES * 7; shift += 7) {
      const byte = this.#byte()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
    throw new UndecodableError(`a number of at most ${VARINT_MAX_BYTES} bytes`, 'a longer one')
  }

  varlong (): bigint {
    let value = 0n
    for (let count = 0; count < VARLONG_MAX_BYTES; count++) {
      const byte = this.#byte()
      value |= BigInt(byte & 0x7f) << BigInt(count * 7)
      if (byte < 0x80) return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n))
    }
    throw new UndecodableError(`a number of at most ${VARLONG_MAX_BYTES} bytes`, 'a longer one')
  }

  /** A value after its length; null for the length -1. No copy. */
  varintBytes (): Buffer | null {
    const length = this.varint()
    if (length === -1) return null
    if (length < 0 || length > this.#end - this.#at) throw new UndecodableError(`${length} bytes`, `${this.#end - this.#at}`)
    const start = this.#at
    this.#at += length
    return this.#bytes.subarray(start, this.#at)
  }

  #byte (): number {
    if (this.#at >= this.#end) throw new UndecodableError('another byte', 'the end')
    return this.#bytes[this.#at++]!
  }
}
