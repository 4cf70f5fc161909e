import { setTimeout as delay } from 'node:timers/promises'
import { runCommand } from '@orders/testing/servers'
import { until } from '@orders/testing/framework'
import t from 'tap'
import { EXACTLY_ONCE, Stage, type Relay } from './stage/stage.ts'

const AGGREGATES = Array.from({ length: 12 }, (_, index) => `a${index}`)
const CHANGE = new URL('../src/bin/change-layout.ts', import.meta.url).pathname

/** Posts until `work` has resolved. */
async function whilePosting<T> (stage: Stage, work: Promise<T>): Promise<T> {
  const done = new AbortController()
  work.finally(() => { done.abort() }).catch(() => {})
  while (!done.signal.aborted) {
    await stage.post(...AGGREGATES)
    await delay(20)
  }
  return work
}

async function refuses ({ service }: Relay, setting: string): Promise<void> {
  await until(async () => {
    const { status } = await fetch(`${service.ops}/readyz`)
    return status === 503 && service.logs.some(({ event, err }) => event === 'layout_mismatch' && String((err as { message?: string }).message).includes(setting))
  }, { what: `a refusal because of ${setting}` })
}

/** Runs the program that changes the layout, with these settings. */
async function change (stage: Stage, settings: Record<string, string>): Promise<void> {
  await runCommand(process.execPath, ['--conditions=@orders/source', CHANGE], {
    env: {
      PATH: process.env.PATH, DATABASE_URL: stage.databaseUrl, KAFKA_BROKERS: stage.brokers, RELAY_NAME: stage.relayName, RELAY_DEFAULT_TOPIC: stage.topic, ...settings
    }
  })
}

t.test('a relay with other settings than its database\'s does not publish, and says which', async (t) => {
  const stage = await Stage.set(t)
  await stage.relay('old')
  await stage.post(...AGGREGATES)
  await stage.published()
  for (const [setting, value] of [['RELAY_SHARDS', '2'], ['RELAY_NAME', `${stage.relayName}-renamed`], ['RELAY_DELIVERY', 'at-least-once']] as const) {
    const other = await stage.relay(`with another ${setting}`, { [setting]: value })
    await whilePosting(stage, refuses(other, setting))
    await stage.published()
    t.equal(await stage.leader(), 'old')
    other.service.kill('SIGTERM')
    t.equal(await other.service.exited(), 0, 'it can be stopped')
  }
  t.same(await stage.verdict(), EXACTLY_ONCE)
})

t.test('of two relays that are the first with different settings, one publishes', async (t) => {
  const stage = await Stage.set(t, { settings: { RELAY_LEASE: 'none' } })
  const posting = stage.post(...AGGREGATES)
  await Promise.all([stage.relay('one', { RELAY_SHARDS: '1' }), stage.relay('two', { RELAY_SHARDS: '2' }), posting])
  await stage.post(...AGGREGATES)
  await stage.published()
  t.same(await stage.verdict(), EXACTLY_ONCE)
})

t.test('the number of shards is changed while relays publish, up and down: nothing twice, nothing out of order', async (t) => {
  const stage = await Stage.set(t)
  let publishing = await stage.relay('one shard', { RELAY_SHARDS: '1' })
  await stage.post(...AGGREGATES)
  for (const shards of ['3', '2']) {
    const next = await stage.relay(`${shards} shards`, { RELAY_SHARDS: shards })
    await whilePosting(stage, refuses(next, 'RELAY_SHARDS'))
    await whilePosting(stage, change(stage, { RELAY_SHARDS: shards }))
    await whilePosting(stage, refuses(publishing, 'RELAY_SHARDS'))
    await until(async () => (await fetch(`${next.service.ops}/readyz`)).status === 200, { what: 'the new relay to be ready' })
    await stage.published()
    for (let shard = 0; shard < Number(shards); shard++) t.equal(await stage.leader(shard), next.name)
    publishing.service.kill('SIGTERM')
    await publishing.service.exited()
    publishing = next
  }
  t.same(await stage.verdict(), EXACTLY_ONCE)
})

t.test('the name is changed with a batch in Kafka that Postgres does not know of', async (t) => {
  const stage = await Stage.set(t, { settings: { RELAY_LEASE: 'none' } })
  const relay = await stage.relay('old')
  await stage.post(...AGGREGATES)
  await stage.published()
  // In Kafka under the old name, and not completed.
  relay.postgres.filter((chunk) => chunk.includes('outbox_complete') ? 'swallow' : 'forward')
  await stage.post(...AGGREGATES)
  await until(async () => (await stage.records()).length >= AGGREGATES.length * 2, { what: 'the batch in Kafka' })
  relay.service.kill('SIGKILL')
  await relay.service.exited()
  const RELAY_NAME = `${stage.relayName}-renamed`
  await change(stage, { RELAY_NAME })
  const renamed = await stage.relay('new', { RELAY_NAME })
  await stage.post(...AGGREGATES)
  await stage.published()
  t.same(await stage.verdict(), EXACTLY_ONCE)
  t.notOk(renamed.service.logs.some(({ event }) => event === 'position_foreign'))
})
