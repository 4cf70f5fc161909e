import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { until } from '@orders/testing/framework'
import t from 'tap'
import { EXACTLY_ONCE, Stage } from './stage/stage.ts'

const CLI = fileURLToPath(new URL('../src/bin/dead-letters.ts', import.meta.url))
const TOO_LARGE = 30_000
const SMALL_TOPIC = { 'max.message.bytes': '20000' }
const run = promisify(execFile)

interface Letter { id: string, aggregateId: string, reason: string, blocking: boolean, waiting: number }

async function cli (stage: Stage, ...args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, ['--conditions=@orders/source', CLI, ...args], { env: { ...process.env, DATABASE_URL: stage.operatorUrl } })
  return stdout
}

async function letters (stage: Stage, count: number): Promise<Letter[]> {
  return until(async () => {
    const found = (await cli(stage, 'list')).split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Letter)
    return found.length === count ? found : undefined
  }, { what: `${count} dead letters` })
}

t.test('a record that Kafka refuses blocks its aggregate alone, until it is replayed', async (t) => {
  const stage = await Stage.set(t, { topicConfig: SMALL_TOPIC })
  const { service } = await stage.relay('relay')
  await stage.post('a', 'poison', 'b')
  await stage.published()
  await stage.post('a', { aggregate: 'poison', bytes: TOO_LARGE }, 'b', 'poison', 'a', 'b')
  await stage.published({ but: 1 })
  const [letter] = await letters(stage, 1)
  t.match(letter, { aggregateId: 'poison', reason: 'MESSAGE_TOO_LARGE', blocking: true, waiting: 1 })
  t.same(await stage.verdict({ but: 2 }), { ...EXACTLY_ONCE, lost: ['poison 2', 'poison 3'] })
  const metrics = await stage.metrics(service)
  t.equal(metrics.sum('relay_dead_lettered_total'), 1)
  t.ok(metrics.sum('relay_publish_failures_total', 'kind="refused"') > 0)

  t.match(await cli(stage, 'replay', letter?.id ?? ''), `replayed ${letter?.id}`)
  await until(async () => (await stage.metrics(service)).sum('relay_dead_lettered_total') === 2, { what: 'it refused again' })
  await stage.configureTopic({ 'max.message.bytes': '1000000' })
  t.match(await cli(stage, 'replay', '--all'), `replayed ${letter?.id}`)
  await stage.published()
  t.same(await stage.verdict(), EXACTLY_ONCE)
  t.equal(await cli(stage, 'list'), '')
  // Each dead letter cleared a claim that Kafka has not, and a take-over followed: that is nobody else's position.
  t.equal((await stage.metrics(service)).sum('relay_position_foreign_total'), 0)
})

t.test('skip: the later events of its aggregate go on', async (t) => {
  const stage = await Stage.set(t, { topicConfig: SMALL_TOPIC, settings: { RELAY_REFUSED: 'skip' } })
  await stage.relay('relay')
  await stage.post('a', { aggregate: 'poison', bytes: TOO_LARGE }, 'poison', 'a')
  await stage.published()
  const [letter] = await letters(stage, 1)
  t.match(letter, { aggregateId: 'poison', blocking: false, waiting: 0 })
  t.same((await stage.verdict({ but: 1 })).lost, ['poison 1'])
  t.match(await cli(stage, 'discard', letter?.id ?? ''), `discarded ${letter?.id}`)
  t.equal(await cli(stage, 'list'), '')
})

t.test('one above RELAY_MAX_RECORD_BYTES is not even offered', async (t) => {
  const stage = await Stage.set(t, { settings: { RELAY_MAX_RECORD_BYTES: '20000' } })
  await stage.relay('relay')
  await stage.post('a', { aggregate: 'poison', bytes: TOO_LARGE }, 'b')
  await stage.published()
  t.match(await letters(stage, 1), [{ aggregateId: 'poison', reason: /at most 20000 bytes \(RELAY_MAX_RECORD_BYTES\), found 30\d\d\d/ }])
  t.equal(await stage.epoch(), 1, 'and no take-over is needed')
})

for (const delivery of ['exactly-once', 'at-least-once']) {
  t.test(`${delivery}: many of one aggregate, together larger than a record may be, are no reason for a refusal`, async (t) => {
    const stage = await Stage.set(t, { topicConfig: SMALL_TOPIC, settings: { RELAY_MAX_RECORD_BYTES: '20000', RELAY_DELIVERY: delivery } })
    await stage.post(...Array.from({ length: 100 }, () => ({ aggregate: 'busy', bytes: 1_000 })))
    const { service } = await stage.relay('relay')
    await stage.published()
    t.same(await stage.verdict(), EXACTLY_ONCE)
    t.equal((await stage.metrics(service)).sum('relay_publish_failures_total'), 0)
    t.equal(await stage.epoch(), 1)
  })
}

/** As the owner, who may set what a writer may not: the columns of an event, and the times that Postgres knows. */
async function insert (stage: Stage, aggregate: string, { createdAt = 'clock_timestamp()', headers = '{}' } = {}): Promise<void> {
  await stage.pool.query(`INSERT INTO outbox_events (aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers, created_at)
    VALUES ('order', $1, (SELECT count(*) + 1 FROM outbox_events WHERE aggregate_id = $1), 'Changed', '{}', $2::jsonb, ${createdAt})`, [aggregate, headers])
}

for (const delivery of ['exactly-once', 'at-least-once']) {
  t.test(`${delivery}: an event of which no record can be made is a dead letter, and is nothing to the others`, async (t) => {
    const stage = await Stage.set(t, { settings: { RELAY_DELIVERY: delivery } })
    await insert(stage, 'forever', { createdAt: "'infinity'" })
    await insert(stage, 'since-ever', { createdAt: "'-infinity'" })
    await insert(stage, 'caesar', { createdAt: "'0044-03-15 12:00 BC'" })
    await insert(stage, 'far', { createdAt: "'12026-01-01'" })
    await insert(stage, 'far')
    await insert(stage, 'first', { createdAt: "'0001-01-01 00:00:00Z'" })
    await insert(stage, 'last', { createdAt: "'9999-12-31 23:59:59.999999Z'" })
    const { service } = await stage.relay('relay')
    await stage.post('a', 'b')
    await stage.published({ but: 1 })
    const found = await letters(stage, 4)
    t.same(found.map(({ aggregateId }) => aggregateId), ['forever', 'since-ever', 'caesar', 'far'])
    for (const { reason } of found) t.match(reason, /expected a created_at that RFC 3339 can write \(years 0001 to 9999\), found /)
    t.equal(found.at(-1)?.waiting, 1, 'its aggregate waits')
    const keys = (await stage.records({ atLeast: 4 })).map(({ key }) => key)
    t.same(keys.toSorted(), ['a', 'b', 'first', 'last'], 'each other event once')
    const metrics = await stage.metrics(service)
    t.equal(metrics.sum('relay_publish_failures_total'), 0)
    t.equal(metrics.sum('relay_bookkeeping_failures_total'), 0)
    t.equal(await stage.epoch(), 1, 'and no take-over was needed')
  })
}

t.test('the command says how it is used', async (t) => {
  const stage = await Stage.set(t)
  await t.rejects(cli(stage), { code: 2, stderr: /usage: dead-letters list/ })
  await t.rejects(cli(stage, 'replay', 'x'), { code: 1, stderr: /expected ids of dead letters, found "x"/ })
  await t.rejects(cli(stage, 'discard', '7'), { code: 1, stderr: /expected a dead letter with id 7/ })
})
