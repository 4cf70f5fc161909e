import t from 'tap'
import { setUp } from './order-consumer.ts'
import { eventIdOf, lives } from './order-events.ts'

t.test('the same event again has no effect: not in the same batch, not in a later one, not after a restart', async (t) => {
  const stage = await setUp(t)
  const events = lives(3, 2)
  await stage.publish([...events, ...events, ...events.slice(0, 2)])
  const service = await stage.start()
  await stage.settled(14)
  t.match(await stage.stats(), { applied: 6, duplicates: 8, gaps: 0, deadLetters: 0 })

  await stage.publish(events)
  await stage.settled(20)
  t.match(await stage.stats(), { applied: 6, duplicates: 14 })

  await service.restart('SIGTERM')
  await stage.publish(events)
  await stage.settled(26)
  t.match(await stage.stats(), { applied: 6, duplicates: 20 })
  t.same(await stage.effects(), events.map(eventIdOf).sort())
})

t.test('the case of an id makes no other event or order of it', async (t) => {
  const stage = await setUp(t)
  const [first, second] = lives(1, 2)
  if (first === undefined || second === undefined) throw new Error('expected two events')
  const loud = (record: typeof first) => ({
    ...record,
    value: String(record.value).replace(String(record.key), String(record.key).toUpperCase()),
    headers: { ...record.headers, ce_id: eventIdOf(record).toUpperCase(), ce_subject: String(record.key).toUpperCase() }
  })
  await stage.publish([first, loud(first), loud(second), second])
  await stage.start()
  await stage.settled(4)
  t.match(await stage.stats(), { applied: 2, duplicates: 2, deadLetters: 0 })
  const { rows } = await stage.owner.query('SELECT order_id, version::int FROM order_views')
  t.same(rows, [{ order_id: first.key, version: 2 }])
})
