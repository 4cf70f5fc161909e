import { until } from '@orders/testing/framework'
import t from 'tap'
import { NO_ANOMALIES, RelayFixture, type Relay } from './fixture/relay-fixture.ts'

const SHARDS = 4
const AGGREGATES = Array.from({ length: 24 }, (_, index) => `aggregate-${index}`)

t.test('four shards and three replicas', async (t) => {
  const fixture = await RelayFixture.create(t, { settings: { RELAY_SHARDS: String(SHARDS), RELAY_RETRY_PERIOD_MS: '300' } })
  const relays = [await fixture.relay('one')]
  const led = async ({ service }: Relay) => service.running ? (await fixture.metrics(service)).sum('relay_leader') : 0
  /** Resolves when all shards are led, and no replica leads more than the given number. Posts all the while. */
  const shared = async (most: number) => until(async () => {
    await fixture.post(...AGGREGATES)
    const counts = await Promise.all(relays.map((relay) => led(relay)))
    const all = counts.reduce((sum, count) => sum + count, 0)
    if (all !== SHARDS || counts.some((count) => count > most)) throw new Error(`shards of each: ${counts.join(', ')}`)
    return true
  }, { what: `at most ${most} shards each` })

  await t.test('one replica leads them all', async (t) => {
    t.ok(await shared(4))
  })
  await t.test('replicas that join get their share', async (t) => {
    relays.push(...await Promise.all([fixture.relay('two'), fixture.relay('three')]))
    t.ok(await shared(2))
  })
  await t.test('the shards of a killed replica are taken over and rebalanced', async (t) => {
    const [busiest] = (await Promise.all(relays.map(async (relay) => ({ relay, led: await led(relay) })))).sort((a, b) => b.led - a.led)
    busiest?.relay.service.kill('SIGKILL')
    await busiest?.relay.service.exited()
    t.ok(await shared(2))
    await busiest?.relay.service.start()
    t.ok(await shared(2))
  })
  await t.test('a replica that is told to stop hands its shards over', async (t) => {
    relays[0]?.service.kill('SIGTERM')
    t.equal(await relays[0]?.service.exited(), 0)
    t.ok(await shared(2))
  })
  await t.test('each event is published exactly once, in the order of its aggregate', async (t) => {
    await fixture.published()
    t.same(await fixture.anomalies(), NO_ANOMALIES)
    const { rows } = await fixture.pool.query('SELECT FROM relay_shard WHERE batch > 0')
    t.equal(rows.length, SHARDS, 'by all shards')
  })
})
