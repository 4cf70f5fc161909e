import { randomUUID } from 'node:crypto'
import { createWakeupSender, enqueue, type WakeupSender } from '@orders/outbox'
import { atRate } from '@orders/testing/traffic/pace'
import pg from 'pg'

/** Commits orders with their events as order-api does, and records when Postgres acknowledged each. */
export class OrderWriters {
  /** Time of the acknowledged commit by event id, as `performance.now()`. */
  readonly committedAt = new Map<string, number>()
  readonly #pool: pg.Pool
  readonly #wakeups: WakeupSender

  constructor (url: string, connections: number) {
    this.#pool = new pg.Pool({ connectionString: url, max: connections })
    this.#wakeups = createWakeupSender({ connection: { connectionString: url } })
  }

  /** Commits at this rate, whether or not the ones before are done; ends early on abort. */
  async write (perSecond: number, seconds: number, enough?: AbortSignal): Promise<void> {
    await atRate({ perSecond, total: Math.round(perSecond * seconds), tickMs: 1, stop: enough }, () => this.#writeOne())
  }

  async close (): Promise<void> {
    await this.#wakeups.close()
    await this.#pool.end()
  }

  async #writeOne (): Promise<void> {
    const orderId = randomUUID()
    const client = await this.#pool.connect()
    try {
      await client.query('BEGIN')
      await client.query({ name: 'order', text: 'INSERT INTO orders (id, customer_id) VALUES ($1, $2)', values: [orderId, 'bench'] })
      const [eventId = ''] = await enqueue(client, {
        aggregateType: 'order', aggregateId: orderId, aggregateVersion: 1, eventType: 'OrderCreated', payload: { orderId, customerId: 'bench', pad: 'x'.repeat(200) }
      })
      await client.query('COMMIT')
      this.committedAt.set(eventId, performance.now())
      this.#wakeups.wake()
    } finally {
      client.release()
    }
  }
}
