import t from 'tap'
import { metric, setUp } from './order-consumer.ts'
import { eventIdOf, lives } from './order-events.ts'

/** Each changes what a statement that is prepared already takes or returns. */
const MIGRATIONS = [
  'ALTER TABLE order_views ALTER COLUMN version TYPE numeric',
  'ALTER TABLE order_views ALTER COLUMN status TYPE varchar(40)',
  'ALTER TABLE order_history ALTER COLUMN version TYPE numeric',
  'ALTER TABLE order_views ADD COLUMN note text'
]

t.test('migrations that change the type of a column stop nothing, and put nothing aside', async (t) => {
  const stage = await setUp(t)
  const service = await stage.start()
  const events = MIGRATIONS.map(() => lives(5, 2)).concat([lives(5, 2)])
  await stage.publish(events[0] ?? [])
  await stage.settled(10)
  for (const [index, migration] of MIGRATIONS.entries()) {
    await stage.owner.query(migration)
    await stage.publish(events[index + 1] ?? [])
    await stage.settled(10 * (index + 2))
  }
  t.same(await stage.effects(), events.flat().map(eventIdOf).sort())
  t.match(await stage.stats(), { applied: 50, deadLetters: 0 })
  t.same(await stage.deadLetters(), [])
  t.equal(await metric(service, 'consumer_batch_failures_total'), 0, 'no batch failed in the eyes of the consumer')
})
