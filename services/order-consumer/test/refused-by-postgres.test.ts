import { until } from '@orders/testing/framework'
import t from 'tap'
import { refusesEvent } from '../src/apply/is-data-error.ts'
import { metric, setUp } from './order-consumer.ts'
import { eventIdOf, lives, orderEvent } from './order-events.ts'

t.test('Postgres refuses one event of a batch: that one alone is put aside', async (t) => {
  const stage = await setUp(t)
  const poison = orderEvent({ customerId: 'poison' })
  const events = [...lives(5, 1), poison, ...lives(5, 1)]
  await stage.owner.query('ALTER TABLE order_views ADD CONSTRAINT no_poison CHECK (customer_id <> \'poison\')')
  await stage.publish([{ key: 'k', value: 'no event', headers: {} }, ...events, orderEvent({ orderId: poison.key as string, version: 2, customerId: 'poison' })])
  await stage.start()
  await stage.settled(13)
  t.same(await stage.effects(), events.filter((event) => event !== poison).map(eventIdOf).sort())
  t.match(await stage.stats(), { applied: 10, duplicates: 0, deadLetters: 3 })
  const letters = await stage.deadLetters()
  t.same(letters.map(({ headers }) => String(headers['x-dead-letter-reason'])), ['not-a-cloud-event', 'refused-by-postgres', 'refused-by-postgres'])
  t.equal(String(letters[1]?.headers.ce_id), eventIdOf(poison))
  t.match(String(letters[1]?.headers['x-dead-letter-message']), /no_poison/)
  t.notOk((await stage.inbox()).includes(eventIdOf(poison)), 'it can be replayed: the inbox does not know it')
  await stage.caughtUp()
})

t.test('a grant that is missing is no fault of the events: they wait, and are applied when it is there', async (t) => {
  const stage = await setUp(t)
  await stage.owner.query('REVOKE INSERT ON order_history FROM order_consumer')
  const events = lives(3, 2)
  await stage.publish(events)
  const service = await stage.start({ CONSUMER_POISON_ATTEMPTS: '1' })
  await until(async () => await metric(service, 'consumer_batch_failures_total') >= 3, { what: 'some attempts' })
  t.same(await stage.deadLetters(), [])
  t.equal((await stage.committed()).get(0), undefined)
  await stage.owner.query('GRANT INSERT ON order_history TO order_consumer')
  await stage.settled(events.length)
  t.match(await stage.stats(), { applied: 6, duplicates: 0, deadLetters: 0 })
  t.same(await stage.deadLetters(), [])
})

t.test('only what says something of the event is a refusal', async (t) => {
  const withCode = (code: unknown) => Object.assign(new Error('no'), { code })
  for (const code of ['23514', '22003', '21000', '54000', 'P0001']) t.ok(refusesEvent(withCode(code)), code)
  for (const code of ['42P01', '42501', '57014', '08006', '53300', '40P01', '25006', '25P02', 'XX000', 'ECONNREFUSED', undefined, 23514]) {
    t.notOk(refusesEvent(withCode(code)), String(code))
  }
  t.notOk(refusesEvent(new TypeError('a defect of ours')))
  t.notOk(refusesEvent({ code: '23514' }))
})
