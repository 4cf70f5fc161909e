import { until } from '@orders/testing/framework'
import type pg from 'pg'
import type { Test } from 'tap'

export interface StoredOrder {
  id: string
  customer_id: string
  status: string
  version: number
}

export interface StoredEvent {
  event_id: string
  aggregate_type: string
  aggregate_id: string
  version: number
  event_type: string
  payload: Record<string, unknown>
  headers: Record<string, string>
}

/** Reads and locks the database of the orders. */
export class Evidence {
  readonly pool: pg.Pool

  constructor (pool: pg.Pool) {
    this.pool = pool
  }

  async orders (): Promise<StoredOrder[]> {
    const { rows } = await this.pool.query<StoredOrder>('SELECT id, customer_id, status, version FROM orders ORDER BY id')
    return rows
  }

  /** In the order in which the relay publishes them. */
  async events (aggregateId?: string): Promise<StoredEvent[]> {
    const { rows } = await this.pool.query<StoredEvent>(`
      SELECT event_id, aggregate_type, aggregate_id, aggregate_version::int AS version, event_type, payload, headers
      FROM outbox_events WHERE $1::text IS NULL OR aggregate_id = $1 ORDER BY id`, [aggregateId])
    return rows
  }

  /** The numbers of orders, events and idempotency keys. */
  async counts (): Promise<{ orders: number, events: number, keys: number }> {
    const { rows: [row] } = await this.pool.query<{ orders: number, events: number, keys: number }>(`
      SELECT (SELECT count(*)::int FROM orders) AS orders, (SELECT count(*)::int FROM outbox_events) AS events,
             (SELECT count(*)::int FROM idempotency_keys) AS keys`)
    return row ?? { orders: 0, events: 0, keys: 0 }
  }

  /** Checks that each order has one event for each of its versions, in order, and that each event has its order. */
  async assertWhole (t: Test): Promise<void> {
    const orders = await this.orders()
    const events = Map.groupBy(await this.events(), ({ aggregate_id: id }) => id)
    const expected = Object.fromEntries(orders.map(({ id, version }) => [id, Array.from({ length: version }, (_, index) => index + 1)]))
    t.same(Object.fromEntries([...events].map(([id, list]) => [id, list.map(({ version }) => version)])), expected, 'orders and events match')
  }

  /** Locks a table, so that writers wait. @returns a function that releases the lock */
  async hold (t: Test, table: string): Promise<() => Promise<void>> {
    const client = await this.pool.connect()
    let held = true
    const release = async () => {
      if (!held) return
      held = false
      await client.query('ROLLBACK').finally(() => { client.release() })
    }
    t.teardown(release)
    await client.query('BEGIN')
    await client.query(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`)
    return release
  }

  /** Waits until this many sessions of the database wait for a lock. @returns their backends */
  async waiting (count: number): Promise<number[]> {
    return until(async () => {
      const { rows } = await this.pool.query<{ pid: number }>(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
      return rows.length === count && rows.map(({ pid }) => pid)
    }, { what: `${count} sessions to wait for a lock` })
  }

  /** The number of sessions of a role in this database, with or without idle ones. */
  async sessions (role: string, which: 'all' | 'active' = 'all'): Promise<number> {
    const { rows: [row] } = await this.pool.query<{ n: number }>(`
      SELECT count(*)::int AS n FROM pg_stat_activity
      WHERE datname = current_database() AND usename = $1 AND ($2 = 'all' OR state <> 'idle')`, [role, which])
    return row?.n ?? 0
  }
}
