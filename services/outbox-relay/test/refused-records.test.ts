import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { until } from '@orders/testing/framework'
import t from 'tap'
import { NO_ANOMALIES, RelayFixture } from './fixture/relay-fixture.ts'

const CLI = fileURLToPath(new URL('../src/bin/dead-letters.ts', import.meta.url))
const TOO_LARGE = 30_000
const SMALL_TOPIC = { 'max.message.bytes': '20000' }
const run = promisify(execFile)

interface Letter { id: string, aggregateId: string, reason: string, blocking: boolean, waiting: number }

async function cli (fixture: RelayFixture, ...args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, ['--conditions=@orders/source', CLI, ...args], { env: { ...process.env, DATABASE_URL: fixture.operatorUrl } })
  return stdout
}

async function letters (fixture: RelayFixture, count: number): Promise<Letter[]> {
  return until(async () => {
    const found = (await cli(fixture, 'list')).split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Letter)
    return found.length === count ? found : undefined
  }, { what: `${count} dead letters` })
}

t.test('a record that Kafka refuses blocks its aggregate alone, until it is replayed', async (t) => {
  const fixture = await RelayFixture.create(t, { topicConfig: SMALL_TOPIC })
  const { service } = await fixture.relay('relay')
  await fixture.post('a', 'poison', 'b')
  await fixture.published()
  await fixture.post('a', { aggregate: 'poison', bytes: TOO_LARGE }, 'b', 'poison', 'a', 'b')
  await fixture.published({ but: 1 })
  const [letter] = await letters(fixture, 1)
  t.match(letter, { aggregateId: 'poison', reason: 'MESSAGE_TOO_LARGE', blocking: true, waiting: 1 })
  t.same(await fixture.anomalies({ but: 2 }), { ...NO_ANOMALIES, lost: ['poison 2', 'poison 3'] })
  const metrics = await fixture.metrics(service)
  t.equal(metrics.sum('relay_dead_lettered_total'), 1)
  t.ok(metrics.sum('relay_publish_failures_total', 'kind="refused"') > 0)

  t.match(await cli(fixture, 'replay', letter?.id ?? ''), `replayed ${letter?.id}`)
  await until(async () => (await fixture.metrics(service)).sum('relay_dead_lettered_total') === 2, { what: 'it refused again' })
  await fixture.configureTopic({ 'max.message.bytes': '1000000' })
  t.match(await cli(fixture, 'replay', '--all'), `replayed ${letter?.id}`)
  await fixture.published()
  t.same(await fixture.anomalies(), NO_ANOMALIES)
  t.equal(await cli(fixture, 'list'), '')
  // Each dead letter cleared a claim that Kafka does not have, and a takeover followed: that is not a foreign position.
  t.equal((await fixture.metrics(service)).sum('relay_position_foreign_total'), 0)
})

t.test('skip: the later events of its aggregate are published', async (t) => {
  const fixture = await RelayFixture.create(t, { topicConfig: SMALL_TOPIC, settings: { RELAY_REFUSED: 'skip' } })
  await fixture.relay('relay')
  await fixture.post('a', { aggregate: 'poison', bytes: TOO_LARGE }, 'poison', 'a')
  await fixture.published()
  const [letter] = await letters(fixture, 1)
  t.match(letter, { aggregateId: 'poison', blocking: false, waiting: 0 })
  t.same((await fixture.anomalies({ but: 1 })).lost, ['poison 1'])
  t.match(await cli(fixture, 'discard', letter?.id ?? ''), `discarded ${letter?.id}`)
  t.equal(await cli(fixture, 'list'), '')
})

t.test('a record above RELAY_MAX_RECORD_BYTES is not sent to Kafka', async (t) => {
  const fixture = await RelayFixture.create(t, { settings: { RELAY_MAX_RECORD_BYTES: '20000' } })
  await fixture.relay('relay')
  await fixture.post('a', { aggregate: 'poison', bytes: TOO_LARGE }, 'b')
  await fixture.published()
  t.match(await letters(fixture, 1), [{ aggregateId: 'poison', reason: /at most 20000 bytes \(RELAY_MAX_RECORD_BYTES\), found 30\d\d\d/ }])
  t.equal(await fixture.epoch(), 1, 'and no takeover is needed')
})

for (const delivery of ['exactly-once', 'at-least-once']) {
  t.test(`${delivery}: many records of one aggregate, together larger than one may be, are published`, async (t) => {
    const fixture = await RelayFixture.create(t, { topicConfig: SMALL_TOPIC, settings: { RELAY_MAX_RECORD_BYTES: '20000', RELAY_DELIVERY: delivery } })
    await fixture.post(...Array.from({ length: 100 }, () => ({ aggregate: 'busy', bytes: 1_000 })))
    const { service } = await fixture.relay('relay')
    await fixture.published()
    t.same(await fixture.anomalies(), NO_ANOMALIES)
    t.equal((await fixture.metrics(service)).sum('relay_publish_failures_total'), 0)
    t.equal(await fixture.epoch(), 1)
  })
}

/** As the owner, who may set columns that a writer may not, such as any time that Postgres has. */
async function insert (fixture: RelayFixture, aggregate: string, { createdAt = 'clock_timestamp()', headers = '{}' } = {}): Promise<void> {
  await fixture.pool.query(`INSERT INTO outbox_events (aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers, created_at)
    VALUES ('order', $1, (SELECT count(*) + 1 FROM outbox_events WHERE aggregate_id = $1), 'Changed', '{}', $2::jsonb, ${createdAt})`, [aggregate, headers])
}

for (const delivery of ['exactly-once', 'at-least-once']) {
  t.test(`${delivery}: an event of which no record can be made is a dead letter, and does not hold up other aggregates`, async (t) => {
    const fixture = await RelayFixture.create(t, { settings: { RELAY_DELIVERY: delivery } })
    await insert(fixture, 'forever', { createdAt: "'infinity'" })
    await insert(fixture, 'since-ever', { createdAt: "'-infinity'" })
    await insert(fixture, 'caesar', { createdAt: "'0044-03-15 12:00 BC'" })
    await insert(fixture, 'far', { createdAt: "'12026-01-01'" })
    await insert(fixture, 'far')
    await insert(fixture, 'first', { createdAt: "'0001-01-01 00:00:00Z'" })
    await insert(fixture, 'last', { createdAt: "'9999-12-31 23:59:59.999999Z'" })
    const { service } = await fixture.relay('relay')
    await fixture.post('a', 'b')
    await fixture.published({ but: 1 })
    const found = await letters(fixture, 4)
    t.same(found.map(({ aggregateId }) => aggregateId), ['forever', 'since-ever', 'caesar', 'far'])
    for (const { reason } of found) t.match(reason, /expected a created_at that RFC 3339 can write \(years 0001 to 9999\), found /)
    t.equal(found.at(-1)?.waiting, 1, 'its aggregate waits')
    const keys = (await fixture.records({ atLeast: 4 })).map(({ key }) => key)
    t.same(keys.toSorted(), ['a', 'b', 'first', 'last'], 'each other event once')
    const metrics = await fixture.metrics(service)
    t.equal(metrics.sum('relay_publish_failures_total'), 0)
    t.equal(metrics.sum('relay_bookkeeping_failures_total'), 0)
    t.equal(await fixture.epoch(), 1, 'and no takeover was needed')
  })
}

t.test('the command says how it is used', async (t) => {
  const fixture = await RelayFixture.create(t)
  await t.rejects(cli(fixture), { code: 2, stderr: /usage: dead-letters list/ })
  await t.rejects(cli(fixture, 'replay', 'x'), { code: 1, stderr: /expected ids of dead letters, found "x"/ })
  await t.rejects(cli(fixture, 'discard', '7'), { code: 1, stderr: /expected a dead letter with id 7/ })
})
