import { until } from '@orders/testing/framework'
import t from 'tap'
import { refuses, whilePosting } from './fixture/layout.ts'
import { NO_ANOMALIES, RelayFixture } from './fixture/relay-fixture.ts'

const AGGREGATES = Array.from({ length: 12 }, (_, index) => `a${index}`)

t.test('a relay whose settings differ from its database\'s does not publish, and names the setting', async (t) => {
  const fixture = await RelayFixture.create(t)
  await fixture.relay('old')
  await fixture.post(...AGGREGATES)
  await fixture.published()
  for (const [setting, value] of [['RELAY_SHARDS', '2'], ['RELAY_NAME', `${fixture.relayName}-renamed`], ['RELAY_DELIVERY', 'at-least-once']] as const) {
    const other = await fixture.relay(`with another ${setting}`, { [setting]: value })
    await whilePosting(fixture, AGGREGATES, refuses(other, setting))
    await fixture.published()
    t.equal(await fixture.leader(), 'old')
    other.service.kill('SIGTERM')
    t.equal(await other.service.exited(), 0, 'it can be stopped')
  }
  t.same(await fixture.anomalies(), NO_ANOMALIES)
})

t.test('of two first relays with different settings, one publishes', async (t) => {
  const fixture = await RelayFixture.create(t, { settings: { RELAY_LEASE: 'none' } })
  const posting = fixture.post(...AGGREGATES)
  await Promise.all([fixture.relay('one', { RELAY_SHARDS: '1' }), fixture.relay('two', { RELAY_SHARDS: '2' }), posting])
  await fixture.post(...AGGREGATES)
  await fixture.published()
  t.same(await fixture.anomalies(), NO_ANOMALIES)
})

t.test('the number of shards is changed while relays publish, up and down: nothing twice, nothing out of order', async (t) => {
  const fixture = await RelayFixture.create(t)
  let publishing = await fixture.relay('one shard', { RELAY_SHARDS: '1' })
  await fixture.post(...AGGREGATES)
  for (const shards of ['3', '2']) {
    const next = await fixture.relay(`${shards} shards`, { RELAY_SHARDS: shards })
    await whilePosting(fixture, AGGREGATES, refuses(next, 'RELAY_SHARDS'))
    await whilePosting(fixture, AGGREGATES, fixture.changeLayout({ RELAY_SHARDS: shards }))
    await whilePosting(fixture, AGGREGATES, refuses(publishing, 'RELAY_SHARDS'))
    await until(async () => (await fetch(`${next.service.ops}/readyz`)).status === 200, { what: 'the new relay to be ready' })
    await fixture.published()
    for (let shard = 0; shard < Number(shards); shard++) t.equal(await fixture.leader(shard), next.name)
    publishing.service.kill('SIGTERM')
    await publishing.service.exited()
    publishing = next
  }
  t.same(await fixture.anomalies(), NO_ANOMALIES)
})

t.test('the name is changed while a batch is in Kafka that Postgres has not completed', async (t) => {
  const fixture = await RelayFixture.create(t, { settings: { RELAY_LEASE: 'none' } })
  const relay = await fixture.relay('old')
  await fixture.post(...AGGREGATES)
  await fixture.published()
  // In Kafka under the old name, and not completed.
  relay.postgres.filter((chunk) => chunk.includes('outbox_complete') ? 'swallow' : 'forward')
  await fixture.post(...AGGREGATES)
  await until(async () => (await fixture.records()).length >= AGGREGATES.length * 2, { what: 'the batch in Kafka' })
  relay.service.kill('SIGKILL')
  await relay.service.exited()
  const RELAY_NAME = `${fixture.relayName}-renamed`
  await fixture.changeLayout({ RELAY_NAME })
  const renamed = await fixture.relay('new', { RELAY_NAME })
  await fixture.post(...AGGREGATES)
  await fixture.published()
  t.same(await fixture.anomalies(), NO_ANOMALIES)
  t.notOk(renamed.service.logs.some(({ event }) => event === 'position_foreign'))
})
