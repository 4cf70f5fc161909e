import { READ_SESSION_OPTIONS, readBatch, ScanBound } from '@orders/outbox'
import pg from 'pg'
import { fillOutbox } from '../fill-outbox.ts'
import { median } from '../measure/percentiles.ts'
import { outboxBench } from '../outbox-bench.ts'
import type { Bench, Case, Scenario } from '../scenario.ts'

const POLLS = 500
const EVENTS_PER_POLL = 10

export const bloat: Scenario = {
  title: 'Polling past dead rows',
  method: 'An old transaction is open, so that vacuum can remove nothing of what was published and deleted since. Median time of a poll that finds ten events, with the bound of the scan that the relay keeps, against the same on a table that never held anything. A sweep is the same poll from the very beginning, which the relay makes once a minute.',
  async run (bench) {
    const rows = bench.quick ? 50_000 : 1_000_000
    const empty = await pollTimes(bench, 0)
    const bloated = await pollTimes(bench, rows)
    const result = (name: string, { poll, sweep }: PollTimes, against?: PollTimes): Case => ({
      name,
      figures: [
        { name: 'poll', value: poll, unit: 'ms' },
        ...(against === undefined ? [] : [{ name: 'of the empty table\'s', value: poll / against.poll, unit: '×', goal: { atMost: 2 } }]),
        { name: 'sweep', value: sweep, unit: 'ms' }
      ]
    })
    return [result('empty table', empty), result(`${rows.toLocaleString('en')} dead rows`, bloated, empty)]
  }
}

interface PollTimes {
  poll: number
  sweep: number
}

async function pollTimes (bench: Bench, deadRows: number): Promise<PollTimes> {
  const { database } = await outboxBench(bench)
  const [client, old] = [new pg.Client({ connectionString: database.ownerUrl, options: READ_SESSION_OPTIONS }), new pg.Client({ connectionString: database.ownerUrl })]
  try {
    await Promise.all([client.connect(), old.connect()])
    await old.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await old.query('SELECT FROM outbox_events LIMIT 1')
    const lastId = BigInt(deadRows === 0 ? 0 : await fillOutbox(database.ownerUrl, deadRows))
    await client.query('DELETE FROM outbox_events')
    await client.query(`INSERT INTO outbox_events (aggregate_type, aggregate_id, aggregate_version, event_type, payload)
                        SELECT 'order', 'live-' || g, 1, 'OrderCreated', '{}' FROM generate_series(1, $1::int) AS g`, [EVENTS_PER_POLL])
    const bound = new ScanBound()
    await bound.advance(client, lastId)
    await bound.advance(client, lastId)
    const sweep = await timePolls(client, 0n, 5)
    return { sweep, poll: await timePolls(client, bound.value, POLLS) }
  } finally {
    await Promise.all([client.end(), old.end()])
  }
}

async function timePolls (client: pg.Client, after: bigint, count: number): Promise<number> {
  const times: number[] = []
  for (let poll = 0; poll < count; poll++) {
    const startedAt = performance.now()
    const events = await readBatch(client, { shard: 0, shards: 1, after, inFlight: [], maxEvents: 1_000, maxBytes: 1_048_576 })
    times.push(performance.now() - startedAt)
    if (events.length !== EVENTS_PER_POLL) throw new Error(`expected ${EVENTS_PER_POLL} events, found ${events.length}`)
  }
  return median(times)
}
