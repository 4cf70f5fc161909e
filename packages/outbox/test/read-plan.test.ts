import { enqueue, READ_SESSION_OPTIONS, readBatch } from '@orders/outbox'
import pg from 'pg'
import t from 'tap'
import { event, outboxDatabase, readAll } from './outbox-database.ts'

const WAITING = 5_000

for (const [shards, statement] of [[1, 'outbox_read'], [3, 'outbox_read_shard']] as const) {
  t.test(`a read with ${shards} shards follows the primary key, also where the statistics tell of an empty table, and is planned once`, async (t) => {
    const { pool, url } = await outboxDatabase(t)
    await pool.query('ALTER TABLE outbox_events SET (autovacuum_enabled = off)')
    await enqueue(pool, event('first', 1))
    await pool.query('ANALYZE outbox_events')
    await enqueue(pool, Array.from({ length: WAITING }, (_, index) => event('a', index + 1)))

    const client = new pg.Client({ connectionString: url, options: READ_SESSION_OPTIONS })
    await client.connect()
    t.teardown(() => client.end())
    const reads = 8
    for (let read = 0; read < reads; read++) await readBatch(client, readAll({ shards, after: BigInt(read) }))

    const { rows: [counts] } = await client.query('SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE name = $1', [statement])
    t.same(counts, { generic_plans: String(reads), custom_plans: '0' })
    const { rows } = await client.query<Record<'QUERY PLAN', string>>(
      `EXPLAIN EXECUTE ${statement} (0, '{}', 1000, 1048576${shards === 1 ? '' : `, ${shards}, 0`})`)
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
    t.match(plan, /Index Scan using outbox_events_pkey on outbox_events/)
    t.notMatch(plan, /Sort|Bitmap|Seq Scan on outbox_events/)
  })
}
