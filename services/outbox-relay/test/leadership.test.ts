import { until } from '@orders/testing/framework'
import t from 'tap'
import { EXACTLY_ONCE, Stage, type Relay } from './stage/stage.ts'

const AGGREGATES = ['a', 'b', 'c', 'd', 'e']
/** Less than what is left of a lease of 15 s: a take-over in this time was not made by its end. */
const EAGER_MS = 10_000

t.test('three replicas, one of which leads', async (t) => {
  const stage = await Stage.set(t)
  const relays = await Promise.all(['one', 'two', 'three'].map((name) => stage.relay(name)))
  const leader = async (): Promise<Relay> => {
    const name = await stage.leader()
    const relay = relays.find((relay) => relay.name === name)
    if (relay === undefined) throw new Error(`expected a leader, found ${name}`)
    return relay
  }
  const anotherThan = (former: Relay, deadlineMs: number) => until(async () => {
    const now = await leader()
    return now === former ? undefined : now
  }, { what: `another leader than ${former.name}`, deadlineMs })
  await until(leader, { what: 'a leader' })

  await t.test('killed: a standby knows, and does not wait for the lease', async (t) => {
    const former = await leader()
    await stage.post(...AGGREGATES)
    former.service.kill('SIGKILL')
    await stage.post(...AGGREGATES)
    await anotherThan(former, EAGER_MS)
    await stage.published({ deadlineMs: EAGER_MS })
    t.same(await stage.verdict(), EXACTLY_ONCE)
    await former.service.start()
  })

  await t.test('told to stop: finishes its batch, gives the lease away, exits with 0', async (t) => {
    const former = await leader()
    await stage.post(...AGGREGATES)
    former.service.kill('SIGTERM')
    await stage.post(...AGGREGATES)
    t.equal(await former.service.exited(), 0)
    t.ok(former.service.logs.some(({ event }) => event === 'lease_released'))
    const successor = await anotherThan(former, EAGER_MS)
    await stage.published()
    t.ok(successor.service.logs.some(({ election, because }) => election === 'acquired' && because === 'free'), 'the lease was free')
    t.same(await stage.verdict(), EXACTLY_ONCE)
    await former.service.start()
  })

  await t.test('cut off from Postgres for a moment: somebody leads, and nothing is published twice', async (t) => {
    for (let cuts = 0; cuts < 3; cuts++) {
      const epoch = await stage.epoch()
      const { name } = await leader()
      await stage.post(...AGGREGATES)
      const { rowCount } = await stage.pool.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE $1`, [`outbox-relay ${name}-%`])
      t.ok(rowCount !== null && rowCount > 0, 'it had a session')
      await stage.post(...AGGREGATES)
      await until(async () => await stage.epoch() > epoch, { what: 'a take-over', deadlineMs: EAGER_MS })
      await stage.published()
    }
    t.same(await stage.verdict(), EXACTLY_ONCE)
  })

  await t.test('every connection to Postgres cut', async (t) => {
    await stage.post(...AGGREGATES)
    await stage.pool.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name LIKE 'outbox-relay%'`)
    await stage.post(...AGGREGATES)
    await stage.published()
    t.same(await stage.verdict(), EXACTLY_ONCE)
    t.ok(relays.every(({ service }) => service.running))
  })
})
