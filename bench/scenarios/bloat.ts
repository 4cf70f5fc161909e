import { setTimeout as delay } from 'node:timers/promises'
import { BacklogMeter, deadLetter, READ_SESSION_OPTIONS, ScanBound, takeOverShard } from '@orders/outbox'
import pg from 'pg'
import { median } from '../measure/percentiles.ts'
import { claimCost } from '../claim-cost.ts'
import { outboxBench } from '../outbox-bench.ts'
import type { Bench, Case, Scenario } from '../scenario.ts'

const TIMES = 300
const REPORTS = 30
const EVENTS_PER_POLL = 10
/** A value of base 16 hardly compresses. */
const LARGE_BYTES = 900_000

export const bloat: Scenario = {
  title: 'Reads and claims beside rows that cannot be removed or read',
  method: 'An old transaction is open, so vacuum cannot remove the rows that were published and deleted since. Each line shows the median time of a poll that finds ten events (for claims: the mean of one claim), compared with an outbox that never held anything else. The first read is that of a new leader that knows no bound yet. In one line the old transaction has written an event, which holds the bound up: a read then begins some ten thousand ids behind the newest one. Large events: one read of as many bytes as a batch may hold, compared with an outbox that holds no more than these.',
  async run (bench) {
    const of = (count: number) => bench.quick ? Math.round(count / 20) : count
    const label = (count: number) => of(count).toLocaleString('en')
    const empty = await pollTimes(bench, async () => {})
    const cases: Case[] = [pollCase('empty outbox', empty)]
    for (const [name, prepare, shards] of [
      [`${label(10_000_000)} dead rows`, deadRows(of(10_000_000)), 1],
      [`${label(300_000)} events behind a dead letter`, blocked(of(300_000)), 1],
      [`${label(300_000)} events of another shard`, ofAnotherShard(of(300_000)), 8]
    ] as const) {
      bench.say(name)
      cases.push(pollCase(name, await pollTimes(bench, prepare, shards), empty))
    }
    bench.say('a writer that stays open')
    cases.push(pollCase(`${label(1_000_000)} published while a writer stays open`, await pollTimes(bench, deadRows(of(1_000_000)), 1, true)))
    bench.say('claims')
    const claims = await claimTimes(bench, of(100_000))
    cases.push({
      name: `a claim after ${label(100_000)} claims`,
      figures: [{ name: 'mean', value: claims.last, unit: 'ms' }, ratio(claims.last / claims.first)]
    })
    bench.say('large events')
    const [few, many] = [await largeTimes(bench, 1), await largeTimes(bench, of(1_000))]
    cases.push({ name: `${label(1_000)} events of 900 KB`, figures: [{ name: 'median', value: many, unit: 'ms' }, ratio(many / few)] })
    return cases
  }
}

interface PollTimes {
  first: number
  poll: number
  report: number
}

type Prepare = (client: pg.Client) => Promise<void>

function pollCase (name: string, { first, poll, report }: PollTimes, against?: PollTimes): Case {
  return {
    name,
    figures: [
      { name: 'median', value: poll, unit: 'ms' },
      ...(against === undefined ? [] : [ratio(poll / against.poll)]),
      { name: 'first read', value: first, unit: 'ms' },
      { name: 'backlog report', value: report, unit: 'ms' }
    ]
  }
}

function ratio (value: number) {
  return { name: 'of the empty outbox\'s', value, unit: '×', goal: { atMost: 2 } }
}

const insert = (client: pg.Client, aggregate: string, count: number, payload = "'{}'") => client.query(
  `INSERT INTO outbox_events (aggregate_type, aggregate_id, aggregate_version, event_type, payload)
   SELECT 'order', ${aggregate}, g, 'OrderCreated', ${payload} FROM generate_series(1, ${count}) AS g`)

function deadRows (count: number): Prepare {
  return async (client) => {
    // One at a time with its delete, the tables stay in the cache.
    for (let left = count; left > 0; left -= 500_000) {
      await insert(client, "'dead-' || g", Math.min(left, 500_000))
      await client.query('DELETE FROM outbox_events')
    }
  }
}

function blocked (count: number): Prepare {
  return async (client) => {
    await insert(client, "'blocked'", count)
    const { fence } = await takeOverShard(client, 0, 'bench')
    const { rows: [first] } = await client.query<{ id: string, eventId: string }>('SELECT e.id::text, e.event_id AS "eventId" FROM outbox_events AS e ORDER BY e.id LIMIT 1')
    await deadLetter(client, fence, { id: first?.id ?? '', eventId: first?.eventId ?? '' }, 'bench', true)
  }
}

const SHARD_OF = (aggregate: string) => `(hashtextextended(${aggregate}, hashtext('order')) & 9223372036854775807) % 8`

function ofAnotherShard (count: number): Prepare {
  return async (client) => {
    const { rows: [other] } = await client.query<{ id: string }>(
      `SELECT id FROM (SELECT 'other-' || g AS id FROM generate_series(1, 100) AS g) AS ids WHERE ${SHARD_OF('id')} = 1 LIMIT 1`)
    await insert(client, `'${other?.id ?? ''}'`, count)
  }
}

/** Sessions of a database of their own: one like the relay's, and an old one that keeps dead rows from being removed. */
async function withOldSnapshot<T> (bench: Bench, work: (client: pg.Client) => Promise<T>, isWriter = false): Promise<T> {
  const { database } = await outboxBench(bench)
  const [client, old] = [new pg.Client({ connectionString: database.ownerUrl, options: READ_SESSION_OPTIONS }), new pg.Client({ connectionString: database.ownerUrl })]
  try {
    await Promise.all([client.connect(), old.connect()])
    await client.query('SET synchronous_commit = off')
    await old.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    if (isWriter) await insert(old, "'never'", 1)
    else await old.query('SELECT FROM outbox_events LIMIT 1')
    return await work(client)
  } finally {
    await Promise.all([client.end(), old.end()])
  }
}

function pollTimes (bench: Bench, prepare: Prepare, shards = 1, besideWriter = false): Promise<PollTimes> {
  return withOldSnapshot(bench, async (client) => {
    await prepare(client)
    // Of shard 0, whatever the number of shards.
    const { rows } = await client.query<{ id: string }>(
      `SELECT id FROM (SELECT 'live-' || g AS id FROM generate_series(1, 1000) AS g) AS ids WHERE ${shards} = 1 OR ${SHARD_OF('id')} = 0 LIMIT $1`,
      [EVENTS_PER_POLL])
    for (const { id } of rows) await insert(client, `'${id}'`, 1)
    const scan = await ScanBound.begin(client, { shard: 0, shards })
    const read = async () => {
      const events = await scan.read({ inFlight: [], maxEvents: 1_000, maxBytes: 1_048_576, maxEventBytes: 1_048_576 })
      if (events.length !== EVENTS_PER_POLL) throw new Error(`expected ${EVENTS_PER_POLL} events, found ${events.length}`)
    }
    const first = await time(read)
    for (let quiet = 0; quiet < 3;) {
      const before = scan.value
      await scan.advance()
      if (besideWriter) await read()
      quiet = scan.value === before && !scan.isBehind() ? quiet + 1 : 0
      await delay(0)
    }
    const poll = await medianOf(read, TIMES)
    const meter = new BacklogMeter()
    return { first, poll, report: await medianOf(async () => { await meter.measure(client) }, REPORTS) }
  }, besideWriter)
}

/** Each figure has a database of its own, without the dead versions of the other. */
async function claimTimes (bench: Bench, before: number): Promise<{ first: number, last: number }> {
  const cost = async (claimsBefore: number) => {
    const { database } = await outboxBench(bench)
    return claimCost(database.ownerUrl, { before: claimsBefore, measured: TIMES, oldSnapshot: true })
  }
  return { first: await cost(0), last: await cost(before) }
}

function largeTimes (bench: Bench, events: number): Promise<number> {
  return withOldSnapshot(bench, async (client) => {
    await client.query(`CREATE TEMP TABLE noise AS SELECT string_agg(md5(random()::text), '') AS text FROM generate_series(1, ${LARGE_BYTES / 32})`)
    await insert(client, "'large-' || g", events, "jsonb_build_object('text', (SELECT text FROM noise))")
    const scan = await ScanBound.begin(client, { shard: 0, shards: 1 })
    return medianOf(async () => {
      const found = await scan.read({ inFlight: [], maxEvents: 1_000, maxBytes: 1_048_576, maxEventBytes: 1_048_576 })
      if (found.length !== 1) throw new Error(`expected 1 event, found ${found.length}`)
    }, 30)
  })
}

async function medianOf (work: () => Promise<void>, times: number): Promise<number> {
  const results: number[] = []
  for (let count = 0; count < times; count++) results.push(await time(work))
  return median(results)
}

async function time (work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}
