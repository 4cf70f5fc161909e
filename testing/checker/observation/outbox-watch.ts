import { backlog, type Backlog } from '@orders/outbox'
import pg from 'pg'

/** Reads the backlog from the outbox itself: a relay reports it too, but not while it is being killed. */
export class OutboxWatch {
  readonly #pool: pg.Pool

  /** @param url of the order-api's database, as a role that may read everything */
  constructor (url: string) {
    this.#pool = new pg.Pool({ connectionString: url, max: 1, connectionTimeoutMillis: 2_000, query_timeout: 2_000 })
    this.#pool.on('error', () => {})
    this.#pool.on('connect', (client) => { client.on('error', () => {}) })
  }

  /** undefined while Postgres does not answer. */
  async read (): Promise<Backlog | undefined> {
    return backlog(this.#pool).catch(() => undefined)
  }

  /** Events in the outbox that do not wait behind a dead letter; undefined while Postgres does not answer. */
  async countWaiting (): Promise<number | undefined> {
    return this.#pool.query<{ waiting: number }>(`
      SELECT count(*)::int AS waiting FROM outbox_events AS e WHERE NOT EXISTS (
        SELECT FROM outbox_dead_letters AS d
        WHERE d.blocking AND d.aggregate_type = e.aggregate_type AND d.aggregate_id = e.aggregate_id AND d.id < e.id)`)
      .then(({ rows: [row] }) => row?.waiting, () => undefined)
  }

  /** How many orders there are, of all clients, and the events that they have had; undefined while Postgres does not answer. */
  async countStored (): Promise<{ orders: number, events: number } | undefined> {
    return this.#pool.query<{ orders: string, events: string }>('SELECT count(*) AS orders, coalesce(sum(version), 0) AS events FROM orders')
      .then(({ rows: [row] }) => ({ orders: Number(row?.orders), events: Number(row?.events) }), () => undefined)
  }

  async close (): Promise<void> {
    await this.#pool.end()
  }
}
