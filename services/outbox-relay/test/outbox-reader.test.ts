import { testDatabase } from '@orders/testing/framework'
import { enqueue, READ_SESSION_OPTIONS, type SqlClient } from '@orders/outbox'
import pg from 'pg'
import t, { type Test } from 'tap'
import { OutboxReader } from '../src/publishing/outbox-reader.ts'
import { TopicMap } from '../src/publishing/topics.ts'
import { Wakeups } from '../src/publishing/wakeups.ts'

const event = (aggregateId: string) => ({ aggregateType: 'order', aggregateId, aggregateVersion: 1, eventType: 'E', payload: {} })

/** A reader whose reads fail as `fail` says, by the number of events and by whether payloads are read. */
async function reader (t: Test, fail: (maxEvents: number, withPayload: boolean) => { code: string } | undefined): Promise<OutboxReader> {
  const database = await testDatabase(t, { service: 'order-api' })
  const client = new pg.Client({ connectionString: database.ownerUrl, options: READ_SESSION_OPTIONS })
  await client.connect()
  t.teardown(() => client.end())
  await enqueue(client, Array.from({ length: 20 }, (_, index) => event(`a${index}`)))
  const db: SqlClient = {
    async query (statement) {
      const [, , maxEvents, , , maxEventBytes] = statement.values ?? []
      const failure = statement.name?.startsWith('outbox_read') === true ? fail(Number(maxEvents), Number(maxEventBytes) > 0) : undefined
      if (failure !== undefined) throw Object.assign(new Error('given up'), failure)
      return client.query(statement)
    }
  }
  return new OutboxReader({
    db,
    shard: 0,
    shards: 1,
    wakeups: new Wakeups(),
    topics: TopicMap.parse('', 'topic'),
    source: '/test',
    maxBatchEvents: 1_000,
    maxBatchBytes: 1_048_576,
    maxRecordBytes: 1_048_576,
    pollIntervalMs: 20,
    sweepIntervalMs: 60_000
  })
}

const TIMEOUT = { code: '57014' }

t.test('after a read that Postgres gave up, the next one is smaller, and later ones grow again', async (t) => {
  let most = 5
  const asked: number[] = []
  const reading = await reader(t, (maxEvents) => { asked.push(maxEvents); return maxEvents > most ? TIMEOUT : undefined })
  t.equal((await reading.read([], 1_000)).events.length, 3)
  t.same(asked, [1_000, 250, 62, 15, 3])
  most = 1_000
  for (let reads = 0; reads < 10; reads++) await reading.read([], 1_000)
  t.equal(asked.at(-1), 1_000)
})

for (const failure of [TIMEOUT, { code: '54000' }]) {
  t.test(`a single event that cannot be printed (${failure.code}) is read without its payload, to become a dead letter`, async (t) => {
    const reading = await reader(t, (_maxEvents, withPayload) => withPayload ? failure : undefined)
    const { read, unsendable } = await reading.read([], 1_000)
    t.match(unsendable, [{ event: { aggregateId: 'a0', withheldBytes: Infinity }, reason: /more than Postgres can print in time/ }])
    t.equal(read.length, 1)
  })
}

t.test('a Postgres that gives up every read makes no dead letter', async (t) => {
  const reading = await reader(t, () => TIMEOUT)
  await t.rejects(reading.read([], 1_000), TIMEOUT)
})
