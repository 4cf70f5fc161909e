import { createHash } from 'node:crypto'
import { createAdmin, type KafkaConnection, type StoredRecord } from '@orders/kafka'
import { readWithJava, type JavaRecord } from '../servers/java-reader.ts'

const MAX_EXAMPLES = 10

export interface ReadersRow {
  /** Records that at least one reader saw. */
  records: number
  differences: number
  /** The first of them, as sentences. */
  first: string[]
}

/**
 * Compares the records that our reader saw in a topic with those of Kafka's own Java consumer: key, headers and value. Keeps only
 * a digest of each record, because the topic of an hour has a million.
 */
export class ReaderComparison {
  readonly #ours = new Map<number, Map<number, string>>()

  /** A record that our reader saw. */
  add ({ partition, offset, key, value, headers }: StoredRecord): void {
    const digests = this.#ours.get(partition) ?? new Map<number, string>()
    this.#ours.set(partition, digests)
    digests.set(Number(offset), digestOf({
      key: key === null ? null : Buffer.from(key).toString('base64'),
      value: value === null ? null : createHash('sha256').update(value).digest('hex'),
      headers: Object.entries(headers).flatMap(([name, values]) => [values].flat().map((value): [string, string | null] =>
        [Buffer.from(name).toString('base64'), value === undefined || value === null ? null : Buffer.from(value).toString('base64')]))
    }))
  }

  /** @param ends by partition, up to where both have read. Our reader may have read more than that by now. */
  async withJava ({ brokers, topic, ends, deadlineMs }: { brokers: string, topic: string, ends: ReadonlyMap<number, bigint>, deadlineMs?: number }): Promise<ReadersRow> {
    const found: ReadersRow = { records: 0, differences: 0, first: [] }
    const differs = (partition: number, offset: number, how: string) => {
      found.differences++
      if (found.first.length < MAX_EXAMPLES) found.first.push(`${topic}, partition ${partition}, offset ${offset}: ${how}`)
    }
    await readWithJava({ brokers, topic, ends, ...(deadlineMs === undefined ? {} : { deadlineMs }) }, (record) => {
      const { partition, offset } = record
      found.records++
      const ours = this.#ours.get(partition)?.get(offset)
      if (ours === undefined) differs(partition, offset, 'only the Java consumer reads it')
      else if (ours !== digestOf(record)) differs(partition, offset, 'the readers differ in its key, its headers or its value')
      this.#ours.get(partition)?.delete(offset)
    })
    for (const [partition, digests] of this.#ours) {
      for (const offset of digests.keys()) {
        if (BigInt(offset) >= (ends.get(partition) ?? 0n)) continue
        found.records++
        differs(partition, offset, 'only our reader reads it')
      }
    }
    return found
  }
}

/** Reads the topic with both readers and compares. */
export async function compareReaders (connection: KafkaConnection, brokers: string, topic: string): Promise<ReadersRow> {
  const admin = await createAdmin(connection)
  try {
    const ends = await admin.endOffsets(topic)
    const comparison = new ReaderComparison()
    await admin.mapTopic(topic, (record) => { comparison.add(record) })
    return await comparison.withJava({ brokers, topic, ends })
  } finally {
    await admin.close()
  }
}

/** Sorts headers by name: our client keeps the order only among headers of one name. */
function digestOf ({ key, value, headers }: Pick<JavaRecord, 'key' | 'value' | 'headers'>): string {
  const sorted = headers.map((header, index) => ({ header, index })).sort((a, b) => a.header[0] < b.header[0] ? -1 : a.header[0] > b.header[0] ? 1 : a.index - b.index)
  return createHash('sha1').update(JSON.stringify([key, value, sorted.map(({ header }) => header)])).digest('base64')
}
