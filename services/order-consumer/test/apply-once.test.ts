import t from 'tap'
import { getJson, setUp } from './order-consumer.ts'
import { eventIdOf, lives } from './order-events.ts'

t.test('every event takes effect once, in the transaction that writes its inbox row; its offset is committed afterwards', async (t) => {
  const fixture = await setUp(t, { partitions: 3 })
  const events = lives(25, 4)
  await fixture.publish(events)
  const service = await fixture.start({ CONSUMER_BATCH_EVENTS: '7' })
  await fixture.settled(events.length)

  const ids = events.map(eventIdOf).sort()
  t.same(await fixture.effects(), ids)
  t.same(await fixture.inbox(), ids)
  const { rows } = await fixture.owner.query(
    `SELECT count(*)::int AS events, count(DISTINCT h.xmin::text)::int AS transactions, count(*) FILTER (WHERE h.xmin <> i.xmin)::int AS apart
     FROM order_history h JOIN inbox i USING (event_id)`)
  t.match(rows, [{ events: events.length, apart: 0 }], 'inbox row and effect were written by the same transaction')
  t.ok(rows[0].transactions >= Math.ceil(events.length / 7), 'no transaction exceeded the batch size')
  t.match(await getJson(`${service.http}/stats`), {
    status: 200, body: { orders: 25, byStatus: { DELIVERED: 25 }, applied: 100, duplicates: 0, gaps: 0, deadLetters: 0 }
  })
  await fixture.caughtUp()
})
