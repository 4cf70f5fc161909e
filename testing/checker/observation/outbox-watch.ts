import { backlog, type Backlog } from '@orders/outbox'
import pg from 'pg'

/** Reads the backlog from the outbox itself: a relay reports it, but not while it is being killed. */
export class OutboxWatch {
  readonly #pool: pg.Pool

  constructor (url: string) {
    this.#pool = new pg.Pool({ connectionString: url, max: 1, connectionTimeoutMillis: 2_000, query_timeout: 2_000 })
    this.#pool.on('error', () => {})
    this.#pool.on('connect', (client) => { client.on('error', () => {}) })
  }

  /** undefined while Postgres does not answer. */
  async read (): Promise<Backlog | undefined> {
    return backlog(this.#pool).catch(() => undefined)
  }

  /** How many orders there are, whoever placed them, and the events that they have had; undefined while Postgres does not answer. */
  async countStored (): Promise<{ orders: number, events: number } | undefined> {
    return this.#pool.query<{ orders: string, events: string }>('SELECT count(*) AS orders, coalesce(sum(version), 0) AS events FROM orders')
      .then(({ rows: [row] }) => ({ orders: Number(row?.orders), events: Number(row?.events) }), () => undefined)
  }

  async close (): Promise<void> {
    await this.#pool.end()
  }
}
