import { until } from '@orders/testing/framework'
import t from 'tap'
import { NO_ANOMALIES, RelayFixture } from './fixture/relay-fixture.ts'
import { SHORT_LEASE } from './fixture/zombie.ts'

const AGGREGATES = ['a', 'b', 'c', 'd', 'e']

t.test('RELAY_EAGER_TAKEOVER=false: a killed leader is replaced when its lease has expired, and no session is held', async (t) => {
  const fixture = await RelayFixture.create(t, { settings: { ...SHORT_LEASE, RELAY_EAGER_TAKEOVER: 'false' } })
  const relays = await Promise.all([fixture.relay('one'), fixture.relay('two')])
  const leader = await until(async () => {
    const name = await fixture.leader()
    return relays.find((relay) => relay.name === name)
  }, { what: 'a leader' })
  await fixture.post(...AGGREGATES)
  await fixture.published()
  const { rows } = await fixture.pool.query(`SELECT FROM pg_locks WHERE locktype = 'advisory'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
  t.equal(rows.length, 0, 'a transaction pooler could sit in between')

  leader.service.kill('SIGKILL')
  await fixture.post(...AGGREGATES)
  await fixture.published()
  t.not(await fixture.leader(), leader.name)
  const successor = relays.find((relay) => relay !== leader)
  t.ok(successor?.service.logs.some(({ election, because }) => election === 'acquired' && because === 'expired'))
  t.same(await fixture.anomalies(), NO_ANOMALIES)
})

t.test('RELAY_LEASE=none: one replica needs no lease, and two take turns', async (t) => {
  const fixture = await RelayFixture.create(t, { settings: { RELAY_LEASE: 'none', RELAY_BACKOFF_MAX_MS: '200' } })
  const one = await fixture.relay('one')
  await fixture.post(...AGGREGATES)
  await fixture.published()
  const { rows } = await fixture.pool.query('SELECT FROM leader_lease')
  t.equal(rows.length, 0)

  const two = await fixture.relay('two')
  const turns = new Set<string | undefined>()
  await until(async () => {
    await fixture.post(...AGGREGATES)
    turns.add(await fixture.leader())
    return turns.size === 2
  }, { what: 'both at work' })
  await fixture.published()
  t.same(await fixture.anomalies(), NO_ANOMALIES)
  for (const { service } of [one, two]) {
    service.kill('SIGTERM')
    t.equal(await service.exited(), 0)
  }
})
