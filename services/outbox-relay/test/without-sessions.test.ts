import { until } from '@orders/testing/framework'
import t from 'tap'
import { EXACTLY_ONCE, Stage } from './stage/stage.ts'
import { SHORT_LEASE } from './stage/zombie.ts'

const AGGREGATES = ['a', 'b', 'c', 'd', 'e']

t.test('RELAY_EAGER_TAKEOVER=false: a killed leader is replaced when its lease has run out, and no session is held', async (t) => {
  const stage = await Stage.set(t, { settings: { ...SHORT_LEASE, RELAY_EAGER_TAKEOVER: 'false' } })
  const relays = await Promise.all([stage.relay('one'), stage.relay('two')])
  const leader = await until(async () => {
    const name = await stage.leader()
    return relays.find((relay) => relay.name === name)
  }, { what: 'a leader' })
  await stage.post(...AGGREGATES)
  await stage.published()
  const { rows } = await stage.pool.query(`SELECT FROM pg_locks WHERE locktype = 'advisory'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
  t.equal(rows.length, 0, 'a transaction pooler could sit in between')

  leader.service.kill('SIGKILL')
  await stage.post(...AGGREGATES)
  await stage.published()
  t.not(await stage.leader(), leader.name)
  const successor = relays.find((relay) => relay !== leader)
  t.ok(successor?.service.logs.some(({ election, because }) => election === 'acquired' && because === 'expired'))
  t.same(await stage.verdict(), EXACTLY_ONCE)
})

t.test('RELAY_LEASE=none: one replica needs no lease, and two take turns', async (t) => {
  const stage = await Stage.set(t, { settings: { RELAY_LEASE: 'none', RELAY_BACKOFF_MAX_MS: '200' } })
  const one = await stage.relay('one')
  await stage.post(...AGGREGATES)
  await stage.published()
  const { rows } = await stage.pool.query('SELECT FROM leader_lease')
  t.equal(rows.length, 0)

  const two = await stage.relay('two')
  const turns = new Set<string | undefined>()
  await until(async () => {
    await stage.post(...AGGREGATES)
    turns.add(await stage.leader())
    return turns.size === 2
  }, { what: 'both at work' })
  await stage.published()
  t.same(await stage.verdict(), EXACTLY_ONCE)
  for (const { service } of [one, two]) {
    service.kill('SIGTERM')
    t.equal(await service.exited(), 0)
  }
})
