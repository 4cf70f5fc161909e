import { randomUUID } from 'node:crypto'
import type { KafkaConnection } from '@orders/kafka'

/** A read-committed consumer that notes when it saw each event first. */
export class EventWatch {
  /** By event id, as `performance.now()`. */
  readonly seenAt = new Map<string, number>()
  duplicates = 0
  readonly #close: () => Promise<void>

  private constructor (close: () => Promise<void>) {
    this.#close = close
  }

  static async start ({ kafka }: KafkaConnection, topic: string): Promise<EventWatch> {
    const consumer = kafka.consumer({ groupId: `watch-${randomUUID()}`, maxWaitTimeInMs: 500, minBytes: 1 })
    const watch = new EventWatch(() => consumer.disconnect())
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        const now = performance.now()
        for (const { headers } of batch.messages) {
          const id = String(headers?.ce_id)
          if (watch.seenAt.has(id)) watch.duplicates++
          else watch.seenAt.set(id, now)
        }
      }
    })
    return watch
  }

  async close (): Promise<void> {
    await this.#close()
  }
}
