import { until } from '@orders/testing/framework'
import t from 'tap'
import { setUp } from './order-consumer.ts'
import { eventIdOf, lives } from './order-events.ts'

t.test('SIGTERM in the middle of a batch: finishes and commits it, leaves the group at once, exit code 0', async (t) => {
  const fixture = await setUp(t)
  const events = lives(15, 2)
  const blocker = await fixture.owner.connect()
  await blocker.query('BEGIN')
  await blocker.query('LOCK TABLE order_history IN ACCESS EXCLUSIVE MODE')
  await fixture.publish(events)
  const patient = new URL(fixture.env.DATABASE_URL ?? '')
  for (const name of ['lock_timeout', 'statement_timeout', 'query_timeout']) patient.searchParams.set(name, '60000')
  const service = await fixture.start({ CONSUMER_BATCH_EVENTS: '10', DATABASE_URL: patient.href })
  await until(async () => {
    const { rows } = await fixture.owner.query('SELECT FROM pg_locks WHERE relation = \'order_history\'::regclass AND NOT granted')
    return rows.length > 0
  }, { what: 'a batch in hand' })
  service.kill('SIGTERM')
  await until(() => service.logs.some(({ event }) => event === 'draining'), { what: 'the service to drain' })
  await blocker.query('ROLLBACK')
  blocker.release()
  t.equal(await service.exited(), 0)
  t.equal(await fixture.admin.countMembers(fixture.group), 0, 'the group does not wait for the session timeout')
  t.same((await fixture.committed()).get(0), BigInt((await fixture.inbox()).length), 'the offsets of all applied events are committed')
  t.notOk(service.logs.some(({ event }) => event === 'group_not_left'))

  await service.start()
  await fixture.settled(events.length)
  t.same(await fixture.effects(), events.map(eventIdOf).sort())
  t.match(await fixture.stats(), { applied: 30, duplicates: 0 }, 'nothing was read twice')
})

t.test('SIGTERM before Kafka was ever reached: exit code 0', async (t) => {
  const fixture = await setUp(t)
  const service = await fixture.start({ KAFKA_BROKERS: '127.0.0.1:1' })
  await until(() => service.logs.some(({ event }) => event === 'subscribe_failed'), { what: 'an attempt to reach Kafka' })
  const ready = await fetch(`${service.ops}/readyz`)
  t.equal(ready.status, 503)
  t.match(await ready.json(), { failures: [{ check: 'consumer group' }] })
  t.equal((await fetch(`${service.ops}/livez`)).status, 200)
  service.kill('SIGTERM')
  t.equal(await service.exited(), 0)
})

t.test('SIGTERM while a batch keeps failing: exit code 0, nothing committed', async (t) => {
  const fixture = await setUp(t)
  await fixture.owner.query('REVOKE INSERT ON order_history FROM order_consumer')
  await fixture.publish(lives(1, 1))
  const service = await fixture.start()
  await until(() => service.logs.some(({ event }) => event === 'batch_not_applied'), { what: 'a failure' })
  service.kill('SIGTERM')
  t.equal(await service.exited(), 0)
  t.equal((await fixture.committed()).get(0), undefined)
})
