import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import pg from 'pg'

const INSERT_ORDER = 'INSERT INTO orders (id, customer_id) VALUES ($1, $2) RETURNING id, customer_id, status, version, created_at, updated_at'
const INSERT_EVENT = `INSERT INTO outbox_events (event_id, aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers)
                      VALUES ($1, 'order', $2, 1, 'OrderCreated', $3, $4)`

export interface Load {
  url: string
  connections: number
  seconds: number
}

/** The maximum rate of Postgres for the two inserts of an order in one transaction: pgbench, prepared statements. */
export async function pgbenchInserts ({ url, connections, seconds }: Load): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'orders-pgbench-'))
  try {
    const script = join(folder, 'order.sql')
    await writeFile(script, `BEGIN;
INSERT INTO orders (id, customer_id) VALUES (gen_random_uuid(), 'customer-1') RETURNING id, customer_id, status, version, created_at, updated_at \\gset
INSERT INTO outbox_events (aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers)
  VALUES ('order', :id::text, 1, 'OrderCreated', jsonb_build_object('orderId', :id::text, 'customerId', 'customer-1'), '{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}');
COMMIT;
`)
    const child = spawn('pgbench', ['-n', '-M', 'prepared', '-c', String(connections), '-j', '2', '-T', String(seconds), '-f', script, url], {
      stdio: ['ignore', 'pipe', 'pipe']
    })
    const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
    const rate = /tps = ([\d.]+)/.exec(output)?.[1]
    if (rate === undefined) throw new Error(`expected pgbench to say a rate, found ${output}${errors}`)
    return Number(rate)
  } finally {
    await rm(folder, { recursive: true })
  }
}

export async function pgbenchExists (): Promise<boolean> {
  const child = spawn('pgbench', ['--version'], { stdio: 'ignore' })
  return new Promise((resolve) => {
    child.once('error', () => { resolve(false) })
    child.once('exit', (code) => { resolve(code === 0) })
  })
}

/** The same from Node with as many connections and prepared statements: the cost without HTTP and checks. */
export async function nodeInserts ({ url, connections, seconds }: Load): Promise<number> {
  let count = 0
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: connections }, async () => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    try {
      while (performance.now() - startedAt < seconds * 1_000) {
        const id = randomUUID()
        await client.query('BEGIN')
        await client.query({ name: 'order', text: INSERT_ORDER, values: [id, 'customer-1'] })
        await client.query({
          name: 'event',
          text: INSERT_EVENT,
          values: [randomUUID(), id, JSON.stringify({ orderId: id, customerId: 'customer-1' }), '{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}']
        })
        await client.query('COMMIT')
        count++
      }
    } finally {
      await client.end()
    }
  }))
  return count / (performance.now() - startedAt) * 1_000
}
