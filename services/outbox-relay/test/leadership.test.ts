import { until } from '@orders/testing/framework'
import t from 'tap'
import { NO_ANOMALIES, RelayFixture, type Relay } from './fixture/relay-fixture.ts'

const AGGREGATES = ['a', 'b', 'c', 'd', 'e']
/** Less than the rest of a lease of 15 s: a takeover in this time did not wait for the lease to expire. */
const EAGER_MS = 10_000

t.test('three replicas, one of which leads', async (t) => {
  const fixture = await RelayFixture.create(t)
  const relays = await Promise.all(['one', 'two', 'three'].map((name) => fixture.relay(name)))
  const leader = async (): Promise<Relay> => {
    const name = await fixture.leader()
    const relay = relays.find((relay) => relay.name === name)
    if (relay === undefined) throw new Error(`expected a leader, found ${name}`)
    return relay
  }
  const anotherThan = (former: Relay, deadlineMs: number) => until(async () => {
    const now = await leader()
    return now === former ? undefined : now
  }, { what: `another leader than ${former.name}`, deadlineMs })
  await until(leader, { what: 'a leader' })

  await t.test('SIGKILL: a standby takes over before the lease expires', async (t) => {
    const former = await leader()
    await fixture.post(...AGGREGATES)
    former.service.kill('SIGKILL')
    await fixture.post(...AGGREGATES)
    await anotherThan(former, EAGER_MS)
    await fixture.published({ deadlineMs: EAGER_MS })
    t.same(await fixture.anomalies(), NO_ANOMALIES)
    await former.service.start()
  })

  await t.test('SIGTERM: the leader finishes its batch, releases the lease, and exits with 0', async (t) => {
    const former = await leader()
    await fixture.post(...AGGREGATES)
    former.service.kill('SIGTERM')
    await fixture.post(...AGGREGATES)
    t.equal(await former.service.exited(), 0)
    t.ok(former.service.logs.some(({ event }) => event === 'lease_released'))
    const successor = await anotherThan(former, EAGER_MS)
    await fixture.published()
    t.ok(successor.service.logs.some(({ election, because }) => election === 'acquired' && because === 'free'), 'the lease was released')
    t.same(await fixture.anomalies(), NO_ANOMALIES)
    await former.service.start()
  })

  await t.test('cut off from Postgres for a moment: one relay leads, and nothing is published twice', async (t) => {
    for (let cuts = 0; cuts < 3; cuts++) {
      const epoch = await fixture.epoch()
      const { name } = await leader()
      await fixture.post(...AGGREGATES)
      const { rowCount } = await fixture.pool.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE $1`, [`outbox-relay ${name}-%`])
      t.ok(rowCount !== null && rowCount > 0, 'it had a session')
      await fixture.post(...AGGREGATES)
      await until(async () => await fixture.epoch() > epoch, { what: 'a takeover', deadlineMs: EAGER_MS })
      await fixture.published()
    }
    t.same(await fixture.anomalies(), NO_ANOMALIES)
  })

  await t.test('every connection to Postgres is cut', async (t) => {
    await fixture.post(...AGGREGATES)
    await fixture.pool.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name LIKE 'outbox-relay%'`)
    await fixture.post(...AGGREGATES)
    await fixture.published()
    t.same(await fixture.anomalies(), NO_ANOMALIES)
    t.ok(relays.every(({ service }) => service.running))
  })
})
