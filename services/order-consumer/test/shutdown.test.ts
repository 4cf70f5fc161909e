import { until } from '@orders/testing/framework'
import t from 'tap'
import { setUp } from './order-consumer.ts'
import { eventIdOf, lives } from './order-events.ts'

t.test('SIGTERM in the middle of a batch: it is finished and committed, the group left at once, exit code 0', async (t) => {
  const stage = await setUp(t)
  const events = lives(15, 2)
  const blocker = await stage.owner.connect()
  await blocker.query('BEGIN')
  await blocker.query('LOCK TABLE order_history IN ACCESS EXCLUSIVE MODE')
  await stage.publish(events)
  const patient = new URL(stage.env.DATABASE_URL ?? '')
  for (const name of ['lock_timeout', 'statement_timeout', 'query_timeout']) patient.searchParams.set(name, '60000')
  const service = await stage.start({ CONSUMER_BATCH_EVENTS: '10', DATABASE_URL: patient.href })
  await until(async () => {
    const { rows } = await stage.owner.query('SELECT FROM pg_locks WHERE relation = \'order_history\'::regclass AND NOT granted')
    return rows.length > 0
  }, { what: 'a batch in hand' })
  service.kill('SIGTERM')
  await until(() => service.logs.some(({ event }) => event === 'draining'), { what: 'the service to drain' })
  await blocker.query('ROLLBACK')
  blocker.release()
  t.equal(await service.exited(), 0)
  t.equal(await stage.admin.countMembers(stage.group), 0, 'its session does not have to run out')
  t.same((await stage.committed()).get(0), BigInt((await stage.inbox()).length), 'what was applied is committed')
  t.notOk(service.logs.some(({ event }) => event === 'group_not_left'))

  await service.start()
  await stage.settled(events.length)
  t.same(await stage.effects(), events.map(eventIdOf).sort())
  t.match(await stage.stats(), { applied: 30, duplicates: 0 }, 'nothing was read twice')
})

t.test('SIGTERM while Kafka has never been reached: exit code 0', async (t) => {
  const stage = await setUp(t)
  const service = await stage.start({ KAFKA_BROKERS: '127.0.0.1:1' })
  await until(() => service.logs.some(({ event }) => event === 'subscribe_failed'), { what: 'an attempt to reach Kafka' })
  const ready = await fetch(`${service.ops}/readyz`)
  t.equal(ready.status, 503)
  t.match(await ready.json(), { failures: [{ check: 'consumer group' }] })
  t.equal((await fetch(`${service.ops}/livez`)).status, 200)
  service.kill('SIGTERM')
  t.equal(await service.exited(), 0)
})

t.test('SIGTERM while a batch fails and fails: exit code 0, nothing committed', async (t) => {
  const stage = await setUp(t)
  await stage.owner.query('REVOKE INSERT ON order_history FROM order_consumer')
  await stage.publish(lives(1, 1))
  const service = await stage.start()
  await until(() => service.logs.some(({ event }) => event === 'batch_not_applied'), { what: 'a failure' })
  service.kill('SIGTERM')
  t.equal(await service.exited(), 0)
  t.equal((await stage.committed()).get(0), undefined)
})
