import { randomUUID } from 'node:crypto'
import t from 'tap'
import { guardVersions } from '../src/apply/version-guard.ts'
import type { ReceivedEvent } from '../src/apply/received-event.ts'
import { getJson, metric, setUp } from './order-consumer.ts'
import { orderEvent } from './order-events.ts'

const received = (orderId: string, version: number): ReceivedEvent => ({
  orderId, version, eventId: `${orderId}${version}`, customerId: 'c', status: 'PENDING', occurredAt: new Date(0), traceparent: undefined
})

t.test('an event older than the applied version has no effect, and missing versions are counted', async (t) => {
  const fixture = await setUp(t)
  const orderId = randomUUID()
  const service = await fixture.start()
  await fixture.publish([orderEvent({ orderId, version: 1 }), orderEvent({ orderId, version: 4 })])
  await fixture.settled(2)
  // New event ids, so that the inbox accepts them.
  await fixture.publish([orderEvent({ orderId, version: 2 }), orderEvent({ orderId, version: 4 })])
  await fixture.settled(4)
  t.match(await fixture.stats(), { applied: 2, duplicates: 2, gaps: 2, deadLetters: 0 })
  const { body } = await getJson(`${service.http}/orders/${orderId}`)
  t.match(body, { version: 4, status: 'DELIVERED', history: [{ version: 1, status: 'PENDING' }, { version: 4, status: 'DELIVERED' }] })
  t.equal(await metric(service, 'consumer_version_gaps_total'), 2)
  t.equal(await metric(service, 'consumer_duplicates_total'), 2)
})

t.test('the guard works by order, and considers earlier events of the same batch', async (t) => {
  const events = [received('a', 1), received('b', 3), received('a', 2), received('a', 2), received('a', 1), received('b', 5)]
  t.same(guardVersions(events, new Map([['b', 2]])), {
    effective: [received('a', 1), received('b', 3), received('a', 2), received('b', 5)], stale: 2, gaps: 1
  })
})
