import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { JsonLinesFile } from '../checker/index.ts'
import { Postgres } from '../servers/index.ts'
import { ServiceProcess } from '../framework/index.ts'
import { enqueue } from '@orders/outbox'
import pg from 'pg'
import { readEnqueued, withClient } from '../checker/observation/final-state.ts'
import type { Fault } from './fault.ts'
import { MAX_CONNECTIONS } from '../system/servers.ts'
import { relaySettings } from '../system/services.ts'

const WRITE_EVERY_MS = 100

/** A copied database whose relay still has the same name. */
export const copyFaults: readonly Fault[] = [
  {
    f: 'F33',
    title: 'a copy of the database runs beside it, with a relay of the same name on the same Kafka',
    places: ['postgres', 'topic'],
    forMs: [5_000, 12_000],
    needs: 'restore',
    async start (system) {
      const { databases: { orders }, recorder, copied, brokers } = system
      const backup = await orders.backup()
      const copy = await Postgres.startCopy(backup, { settings: { max_connections: String(MAX_CONNECTIONS), log_min_messages: 'fatal' } }).finally(() => backup.remove())
      const url = (role: string) => Object.assign(new URL(system.ordersUrl), { host: new URL(copy.url).host, ...role === '' ? {} : { username: role, password: system.password } }).href
      const outbox = await readOutbox(url(''))
      const from = recorder.now
      const log = new JsonLinesFile(join(system.logs, 'copy-relay.jsonl'))
      const relay = new ServiceProcess('outbox-relay', {
        ...relaySettings({ databaseUrl: `${url('outbox_relay')}?application_name=copy-relay`, brokers: brokers.direct, names: system.names }),
        ...system.relaySettings,
        RELAY_IDENTITY: 'copy-relay',
        // A lease of its own: two releases have two leases, so both relays lead.
        RELAY_LEASE: 'postgres'
      }, (line) => { log.write(line) })
      await relay.start()
      const writer = new Writer(url(''))
      return {
        target: 'a copy of the database of order-api',
        affects: ['outbox-relay'],
        async heal () {
          const written = await writer.stop()
          relay.kill('SIGTERM')
          await relay.exited()
          await log.close()
          const left = await readOutbox(url(''))
          const events = await withClient(url(''), (query) => readEnqueued(query, 'event_id = ANY (ARRAY[' + written.map((event) => `'${event}'`).join() + ']::uuid[])'))
          await copy.close()
          copied.copies.push({ id: copied.copies.length + 1, from, to: recorder.now, outbox, left })
          copied.copiedEvents.push(...events)
        }
      }
    }
  }
]

async function readOutbox (url: string): Promise<string[]> {
  const rows = await withClient(url, (query) => query<{ event: string }>('SELECT event_id AS event FROM outbox_events'))
  return rows.map(({ event }) => event)
}

/** Places orders in the copy only. */
class Writer {
  readonly #stop = new AbortController()
  readonly #written: string[] = []
  readonly #writing: Promise<void>

  constructor (url: string) {
    this.#writing = this.#write(url)
    this.#writing.catch(() => {})
  }

  /** @returns the events that were committed */
  async stop (): Promise<readonly string[]> {
    this.#stop.abort()
    await this.#writing
    return this.#written
  }

  async #write (url: string): Promise<void> {
    const client = new pg.Client({ connectionString: url, application_name: 'chaos' })
    client.on('error', () => {})
    await client.connect()
    try {
      while (!this.#stop.signal.aborted) {
        const orderId = randomUUID()
        await client.query('BEGIN')
        await client.query('INSERT INTO orders (id, customer_id) VALUES ($1, \'copy\')', [orderId])
        const [event] = await enqueue(client, { aggregateType: 'order', aggregateId: orderId, aggregateVersion: 1, eventType: 'OrderCreated', payload: { orderId, customerId: 'copy' } })
        await client.query('COMMIT')
        if (event !== undefined) this.#written.push(event)
        await delay(WRITE_EVERY_MS, undefined, { signal: this.#stop.signal }).catch(() => {})
      }
    } finally {
      await client.end()
    }
  }
}
