import { until } from '@orders/testing/framework'
import t, { type Test } from 'tap'
import { Refusals } from '../src/apply/refusals.ts'
import type { ReceivedEvent } from '../src/apply/received-event.ts'
import { getJson, metric, setUp, type ConsumerFixture } from './order-consumer.ts'
import { eventIdOf, lives, orderEvent } from './order-events.ts'

const ready = async (service: { ops: string }) => (await getJson(`${service.ops}/readyz`)).status

/** The name of the migration, the migration, and its rollback. */
const MIGRATIONS: ReadonlyArray<[string, string, string]> = [
  ['a column without a default that may not be null', 'ALTER TABLE order_views ADD COLUMN region text NOT NULL', 'ALTER TABLE order_views DROP COLUMN region'],
  ['the same in the history, found at the commit', 'ALTER TABLE order_history ADD CONSTRAINT once UNIQUE (status) DEFERRABLE INITIALLY DEFERRED', 'ALTER TABLE order_history DROP CONSTRAINT once'],
  ['a status that was forgotten', 'ALTER TABLE order_views ADD CONSTRAINT known CHECK (status <> \'CONFIRMED\')', 'ALTER TABLE order_views DROP CONSTRAINT known'],
  ['a trigger that is wrong', 'CREATE FUNCTION no () RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION \'no\'; END $$; CREATE TRIGGER no BEFORE INSERT ON order_views FOR EACH ROW EXECUTE FUNCTION no ()', 'DROP TRIGGER no ON order_views']
]

for (const [name, wrong, right] of MIGRATIONS) {
  t.test(`a wrong migration makes no dead letters: ${name}`, async (t) => {
    const fixture = await setUp(t)
    await fixture.owner.query(wrong)
    const events = lives(25, 2)
    await fixture.publish(events)
    const service = await fixture.start({ CONSUMER_POISON_ATTEMPTS: '2' })
    await stopped(t, fixture, service)
    await fixture.owner.query(right)
    await fixture.settled(events.length)
    t.same(await fixture.effects(), events.map(eventIdOf).sort())
    t.match(await fixture.stats(), { applied: 50, deadLetters: 0 })
    t.same(await fixture.deadLetters(), [])
    await until(async () => await ready(service) === 200, { what: 'the consumer to be ready again' })
    t.ok(service.logs.some(({ event }) => event === 'applying_resumed'))
    t.equal(await metric(service, 'consumer_applying_refused'), 0)
  })
}

t.test('the tables accept the control event, but none of the events in the topic: no dead letters', async (t) => {
  const fixture = await setUp(t)
  await fixture.owner.query('ALTER TABLE order_views ADD CONSTRAINT nobody CHECK (customer_id <> \'customer-1\')')
  const events = lives(20, 1)
  await fixture.publish(events)
  const service = await fixture.start({ CONSUMER_POISON_ATTEMPTS: '1', CONSUMER_REFUSALS_IN_A_ROW: '5' })
  await stopped(t, fixture, service)
  await fixture.owner.query('ALTER TABLE order_views DROP CONSTRAINT nobody')
  await fixture.settled(20)
  t.match(await fixture.stats(), { applied: 20, deadLetters: 0 })
})

t.test('many refused events become dead letters while others take effect', async (t) => {
  const fixture = await setUp(t)
  await fixture.owner.query('ALTER TABLE order_views ADD CONSTRAINT nobody CHECK (customer_id <> \'poison\')')
  const poison = Array.from({ length: 12 }, () => orderEvent({ customerId: 'poison' }))
  await fixture.publish([...poison, ...lives(1, 1)])
  const service = await fixture.start({ CONSUMER_POISON_ATTEMPTS: '1', CONSUMER_REFUSALS_IN_A_ROW: '5' })
  await fixture.settled(13)
  t.match(await fixture.stats(), { applied: 1, deadLetters: 12 })
  t.equal(await ready(service), 200)
})

t.test('a refusal is identified by its code and its constraint', async (t) => {
  const refusals = new Refusals(2)
  const error = (constraint: string) => Object.assign(new Error('no'), { code: '23514', table: 'order_views', constraint })
  const event = (eventId: string) => ({ eventId }) as ReceivedEvent
  const passes = async () => undefined
  await refusals.refused(error('a'), event('1'), passes)
  await refusals.refused(error('a'), event('1'), passes)
  await refusals.refused(error('b'), event('2'), passes)
  refusals.assertRecordsFault()
  t.notOk(refusals.isLong, 'the same event again is one, another constraint another reason')
  await refusals.refused(error('a'), event('3'), passes)
  t.ok(refusals.isLong)
  t.throws(() => { refusals.assertRecordsFault() }, { code: 'CONSUMER_APPLYING_REFUSED', refusal: '23514 order_views a' })
  refusals.tookEffect()
  refusals.assertRecordsFault()
  await t.rejects(refusals.refused(error('a'), event('1'), async () => error('c')), { code: 'CONSUMER_APPLYING_REFUSED', refusal: '23514 order_views c' })
  await t.rejects(refusals.refused(error('a'), event('1'), async () => { throw new Error('away') }), /away/)
})

async function stopped (t: Test, fixture: ConsumerFixture, service: Awaited<ReturnType<ConsumerFixture['start']>>): Promise<void> {
  await until(async () => await metric(service, 'consumer_batch_failures_total') >= 3, { what: 'some attempts' })
  t.match(await getJson(`${service.ops}/readyz`), { status: 503, body: { failures: [{ check: 'applying' }] } })
  t.equal((await getJson(`${service.ops}/livez`)).status, 200)
  t.equal(service.logs.filter(({ event }) => event === 'applying_refused_repeatedly').length > 0, true)
  t.equal(await metric(service, 'consumer_applying_refused'), 1)
  t.same(await fixture.deadLetters(), [])
}
