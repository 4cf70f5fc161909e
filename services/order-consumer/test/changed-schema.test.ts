import t from 'tap'
import { metric, setUp } from './order-consumer.ts'
import { eventIdOf, lives } from './order-events.ts'

/** Each changes the parameters or results of a prepared statement. */
const MIGRATIONS = [
  'ALTER TABLE order_views ALTER COLUMN version TYPE numeric',
  'ALTER TABLE order_views ALTER COLUMN status TYPE varchar(40)',
  'ALTER TABLE order_history ALTER COLUMN version TYPE numeric',
  'ALTER TABLE order_views ADD COLUMN note text'
]

t.test('migrations that change the type of a column stop nothing, and make no dead letters', async (t) => {
  const fixture = await setUp(t)
  const service = await fixture.start()
  const events = MIGRATIONS.map(() => lives(5, 2)).concat([lives(5, 2)])
  await fixture.publish(events[0] ?? [])
  await fixture.settled(10)
  for (const [index, migration] of MIGRATIONS.entries()) {
    await fixture.owner.query(migration)
    await fixture.publish(events[index + 1] ?? [])
    await fixture.settled(10 * (index + 2))
  }
  t.same(await fixture.effects(), events.flat().map(eventIdOf).sort())
  t.match(await fixture.stats(), { applied: 50, deadLetters: 0 })
  t.same(await fixture.deadLetters(), [])
  t.equal(await metric(service, 'consumer_batch_failures_total'), 0, 'the consumer counted no failed batch')
})
