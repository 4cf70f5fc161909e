import { kafkajsModule } from './module.ts'
import { socketOf, type Acceptance } from './patches/offset-commit.ts'

/** A committed offset, and the metadata that was committed with it. */
export interface CommittedOffset {
  offset: bigint
  metadata: string
}

const API_KEY = 9
/** The first version of OffsetFetch that can require stable offsets; kafkajs's newest is 4. */
const API_VERSION = 7

/** The broker does not support the request, so no retry helps. */
export class KafkaTooOldError extends Error {
  readonly code = 'KAFKA_TOO_OLD'

  constructor (found: number | undefined) {
    super(`expected brokers with OffsetFetch version ${API_VERSION} (Kafka 2.5 or newer), found ${found === undefined ? 'no version of it' : `version ${found} at most`}`)
    this.name = 'KafkaTooOldError'
  }
}

/**
 * The stable offset that a group has committed for partition 0 of a topic, or undefined. While the group coordinator has not applied
 * how a transaction with this offset ended, the error's type is `UNSTABLE_OFFSET_COMMIT`. That happens: Kafka may tell a new leader
 * that the transaction before has ended before the coordinator has applied it.
 *
 * The read uses the connection that has just accepted a commit of the same group, so it reaches a broker that was the coordinator.
 *
 * @throws KafkaTooOldError
 * @throws Error with the broker's error code, and its name as `type`
 */
export async function readStableOffset ({ broker, socket }: Acceptance, group: string, topic: string): Promise<CommittedOffset | undefined> {
  const newest = broker.versions?.[API_KEY]?.maxVersion
  if (newest === undefined || newest < API_VERSION) throw new KafkaTooOldError(newest)
  if (socketOf(broker) !== socket) throw new Error('expected the connection that accepted the commit, found another one')
  return await broker.connectionPool.send({
    request: { apiKey: API_KEY, apiVersion: API_VERSION, apiName: 'OffsetFetch', encode: async () => encoded(encodeRequest(group, topic)) },
    response: { decode: async (bytes: Buffer) => bytes, parse: async (bytes: Buffer) => decodeResponse(bytes) }
  }) as CommittedOffset | undefined
}

/** All that kafkajs reads from an encoder. */
function encoded (buffer: Buffer): { buf: Buffer, buffer: Buffer } {
  return { buf: buffer, buffer }
}

/** https://kafka.apache.org/protocol#The_Messages_OffsetFetch, version 7, after the last field of the request's header. */
export function encodeRequest (group: string, topic: string): Buffer {
  const noTags = Buffer.from([0])
  const partitionZero = Buffer.from([2, 0, 0, 0, 0])
  const requireStable = Buffer.from([1])
  return Buffer.concat([
    noTags, compactString(group), uvarint(2), compactString(topic), partitionZero, noTags, requireStable, noTags
  ])
}

/** @throws Error with the broker's error code */
export function decodeResponse (bytes: Buffer): CommittedOffset | undefined {
  const reader = new CompactReader(bytes)
  reader.tags()
  // Throttle time.
  reader.int32()
  let found: CommittedOffset | undefined
  for (let topics = reader.count(); topics > 0; topics--) {
    reader.string()
    for (let partitions = reader.count(); partitions > 0; partitions--) {
      reader.int32()
      const offset = reader.int64()
      reader.int32()
      const metadata = reader.string()
      assertNoError(reader.int16())
      reader.tags()
      if (offset >= 0n) found = { offset, metadata }
    }
    reader.tags()
  }
  assertNoError(reader.int16())
  return found
}

function assertNoError (code: number): void {
  if (code === 0) return
  const { createErrorFromCode } = kafkajsModule<{ createErrorFromCode: (code: number) => Error }>('protocol/error', 'stable-offset.ts')
  throw createErrorFromCode(code)
}

/** Reads Kafka's compact types: a length is an unsigned varint of the length plus one; 0 means null. */
class CompactReader {
  readonly #bytes: Buffer
  #at = 0

  constructor (bytes: Buffer) {
    this.#bytes = bytes
  }

  int16 (): number {
    this.#at += 2
    return this.#bytes.readInt16BE(this.#at - 2)
  }

  int32 (): number {
    this.#at += 4
    return this.#bytes.readInt32BE(this.#at - 4)
  }

  int64 (): bigint {
    this.#at += 8
    return this.#bytes.readBigInt64BE(this.#at - 8)
  }

  count (): number {
    return Math.max(0, this.#uvarint() - 1)
  }

  string (): string {
    const length = this.count()
    const text = this.#bytes.toString('utf8', this.#at, this.#at + length)
    this.#at += length
    return text
  }

  tags (): void {
    for (let tags = this.#uvarint(); tags > 0; tags--) {
      this.#uvarint()
      const length = this.#uvarint()
      this.#at += length
    }
  }

  #uvarint (): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes.readUInt8(this.#at++)
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
}

function compactString (text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([uvarint(bytes.length + 1), bytes])
}

function uvarint (value: number): Buffer {
  const bytes: number[] = []
  for (; value >= 0x80; value >>>= 7) bytes.push((value & 0x7f) | 0x80)
  return Buffer.from([...bytes, value])
}
