import { createAdmin, type KafkaConnection } from '@orders/kafka'

/** A read-committed consumer that records when it saw each event first. */
export class EventWatch {
  /** By event id, as `performance.now()`. */
  readonly seenAt = new Map<string, number>()
  duplicates = 0
  readonly #close: () => Promise<void>

  private constructor (close: () => Promise<void>) {
    this.#close = close
  }

  static async start (connection: KafkaConnection, topic: string): Promise<EventWatch> {
    const watch = new EventWatch(() => follower.close())
    const admin = await createAdmin(connection)
    const follower = await admin.followTopic(topic, (records) => {
      const now = performance.now()
      for (const { headers } of records) {
        const id = String(headers.ce_id)
        if (watch.seenAt.has(id)) watch.duplicates++
        else watch.seenAt.set(id, now)
      }
    }).finally(() => admin.close())
    return watch
  }

  async close (): Promise<void> {
    await this.#close()
  }
}
