import { createAdmin } from '@orders/kafka'
import { until } from '@orders/testing/framework'
import t, { type Test } from 'tap'
import { NOTHING_LOST, startSystem, type System } from './system.ts'

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736'
const TRACEPARENT = `00-${TRACE_ID}-00f067aa0ba902b7-01`

t.test('without faults: 300 orders and their changes arrive, and the trace of a request reaches the consumer', async (t) => {
  const system = await startSystem(t, { consumer: { LOG_LEVEL: 'debug' } })
  await system.post({ rate: 60, orders: 300 })
  const result = await system.reconcile()
  t.match(result, { ...NOTHING_LOST, ordersAccepted: 300, duplicatesInTopic: 0 })
  t.equal(result.effects, result.eventsInTopic)
  t.equal(result.eventsInTopic, result.eventsExpected)
  t.ok(result.eventsExpected > 2 * 300, 'orders have histories')
  t.same([...system.load.refused], [])
  await checkTrace(t, system)
})

async function checkTrace (t: Test, { api, consumer, connection, topic }: System): Promise<void> {
  const response = await fetch(`${api.http}/orders`, {
    method: 'POST', headers: { 'content-type': 'application/json', traceparent: TRACEPARENT }, body: JSON.stringify({ customerId: 'traced' })
  })
  t.equal(response.status, 201)
  const { id } = await response.json() as { id: string }
  const applied = await until(() => consumer.logs.find(({ event, orderId }) => event === 'event_applied' && orderId === id), { what: 'the event to be applied' })
  t.match(applied.traceparent, new RegExp(`^00-${TRACE_ID}-[0-9a-f]{16}-01$`))
  t.not(applied.traceparent, TRACEPARENT, 'as a span of its own')
  const admin = await createAdmin(connection)
  const records = await admin.readTopic(topic).finally(() => admin.close())
  t.same(records.filter(({ key }) => key === id).map(({ headers }) => headers.traceparent?.toString()), [applied.traceparent])
}
