import { until } from '@orders/testing/framework'
import t from 'tap'
import { isDataError } from '../src/apply/refusals.ts'
import { metric, setUp } from './order-consumer.ts'
import { eventIdOf, lives, orderEvent } from './order-events.ts'

t.test('Postgres refuses one event of a batch: only that one becomes a dead letter', async (t) => {
  const fixture = await setUp(t)
  const poison = orderEvent({ customerId: 'poison' })
  const events = [...lives(5, 1), poison, ...lives(5, 1)]
  await fixture.owner.query('ALTER TABLE order_views ADD CONSTRAINT no_poison CHECK (customer_id <> \'poison\')')
  await fixture.publish([{ key: 'k', value: 'no event', headers: {} }, ...events, orderEvent({ orderId: poison.key as string, version: 2, customerId: 'poison' })])
  await fixture.start()
  await fixture.settled(13)
  t.same(await fixture.effects(), events.filter((event) => event !== poison).map(eventIdOf).sort())
  t.match(await fixture.stats(), { applied: 10, duplicates: 0, deadLetters: 3 })
  const letters = await fixture.deadLetters()
  t.same(letters.map(({ headers }) => String(headers['x-dead-letter-reason'])), ['not-a-cloud-event', 'refused-by-postgres', 'refused-by-postgres'])
  t.equal(String(letters[1]?.headers.ce_id), eventIdOf(poison))
  t.match(String(letters[1]?.headers['x-dead-letter-message']), /no_poison/)
  t.notOk((await fixture.inbox()).includes(eventIdOf(poison)), 'it can be replayed: the inbox does not know it')
  await fixture.caughtUp()
})

t.test('a missing grant: the events wait, and are applied after the grant', async (t) => {
  const fixture = await setUp(t)
  await fixture.owner.query('REVOKE INSERT ON order_history FROM order_consumer')
  const events = lives(3, 2)
  await fixture.publish(events)
  const service = await fixture.start({ CONSUMER_POISON_ATTEMPTS: '1' })
  await until(async () => await metric(service, 'consumer_batch_failures_total') >= 3, { what: 'some attempts' })
  t.same(await fixture.deadLetters(), [])
  t.equal((await fixture.committed()).get(0), undefined)
  await fixture.owner.query('GRANT INSERT ON order_history TO order_consumer')
  await fixture.settled(events.length)
  t.match(await fixture.stats(), { applied: 6, duplicates: 0, deadLetters: 0 })
  t.same(await fixture.deadLetters(), [])
})

t.test('only errors about the data are refusals', async (t) => {
  const withCode = (code: unknown) => Object.assign(new Error('no'), { code })
  for (const code of ['23514', '22003', '21000', '54000', 'P0001']) t.ok(isDataError(withCode(code)), code)
  for (const code of ['42P01', '42501', '57014', '08006', '53300', '40P01', '25006', '25P02', 'XX000', 'ECONNREFUSED', undefined, 23514]) {
    t.notOk(isDataError(withCode(code)), String(code))
  }
  t.notOk(isDataError(new TypeError('a defect of ours')))
  t.notOk(isDataError({ code: '23514' }))
})
