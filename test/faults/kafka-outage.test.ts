import { Kafka } from '@orders/testing/servers'
import t from 'tap'
import { NOTHING_LOST, startSystem } from './system.ts'

const ORDERS = 1_000

t.test('orders are accepted while Kafka is down, and arrive once and in order when it is back', async (t) => {
  const kafka = await Kafka.start()
  t.teardown(() => kafka.close())
  const { load, post, reconcile } = await startSystem(t, { kafka })
  await post({ rate: 100, orders: 20 })
  t.match(await reconcile(), { ...NOTHING_LOST, ordersAccepted: 20 }, 'everything ran before')

  kafka.kill('SIGKILL')
  await kafka.exited()
  await post({ rate: 200, orders: ORDERS })
  t.same([...load.refused], [], 'no answer but success')
  t.equal(load.accepted.size, 20 + ORDERS)

  await kafka.start()
  t.match(await reconcile(), { ...NOTHING_LOST, ordersAccepted: 20 + ORDERS, duplicatesInTopic: 0 })
})
