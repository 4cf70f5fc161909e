import t from 'tap'
import { setUp } from './order-consumer.ts'
import { eventIdOf, lives } from './order-events.ts'

t.test('a duplicate has no effect: in the same batch, in a later one, or after a restart', async (t) => {
  const fixture = await setUp(t)
  const events = lives(3, 2)
  await fixture.publish([...events, ...events, ...events.slice(0, 2)])
  const service = await fixture.start()
  await fixture.settled(14)
  t.match(await fixture.stats(), { applied: 6, duplicates: 8, gaps: 0, deadLetters: 0 })

  await fixture.publish(events)
  await fixture.settled(20)
  t.match(await fixture.stats(), { applied: 6, duplicates: 14 })

  await service.restart('SIGTERM')
  await fixture.publish(events)
  await fixture.settled(26)
  t.match(await fixture.stats(), { applied: 6, duplicates: 20 })
  t.same(await fixture.effects(), events.map(eventIdOf).sort())
})

t.test('ids in another case are the same event and the same order', async (t) => {
  const fixture = await setUp(t)
  const [first, second] = lives(1, 2)
  if (first === undefined || second === undefined) throw new Error('expected two events')
  const loud = (record: typeof first) => ({
    ...record,
    value: String(record.value).replace(String(record.key), String(record.key).toUpperCase()),
    headers: { ...record.headers, ce_id: eventIdOf(record).toUpperCase(), ce_subject: String(record.key).toUpperCase() }
  })
  await fixture.publish([first, loud(first), loud(second), second])
  await fixture.start()
  await fixture.settled(4)
  t.match(await fixture.stats(), { applied: 2, duplicates: 2, deadLetters: 0 })
  const { rows } = await fixture.owner.query('SELECT order_id, version::int FROM order_views')
  t.same(rows, [{ order_id: first.key, version: 2 }])
})
