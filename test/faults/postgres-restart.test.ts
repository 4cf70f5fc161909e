import { Postgres } from '@orders/testing/servers'
import { until } from '@orders/testing/framework'
import t from 'tap'
import { NOTHING_LOST, startSystem } from './system.ts'

const RESTARTS = 2

t.test('after crashes of Postgres under load no service has to be restarted, and every acknowledged order arrives', async (t) => {
  const postgres = await Postgres.start()
  t.teardown(() => postgres.close())
  const { api, relay, consumer, load, post, reconcile } = await startSystem(t, { postgres })
  const services = [api, relay, consumer]
  const enough = new AbortController()
  const posting = post({ rate: 100, orders: Infinity, stopPosting: enough.signal })

  for (let restarts = 0; restarts < RESTARTS; restarts++) {
    const acceptedBefore = load.accepted.size
    await until(() => load.accepted.size > acceptedBefore + 20, { what: 'orders to be accepted' })
    await postgres.stop('immediate')
    const refusals = () => [...load.refused.values()].reduce((sum, count) => sum + count, 0)
    const refusedBefore = refusals()
    await until(() => refusals() > refusedBefore, { what: 'an order to meet the outage' })
    await postgres.start()
  }
  const acceptedBefore = load.accepted.size
  await until(() => load.accepted.size > acceptedBefore + 20, { what: 'orders to be accepted again' })
  enough.abort()
  await posting

  t.match(await reconcile(), { ...NOTHING_LOST, ordersAccepted: load.accepted.size, duplicatesInTopic: 0 })
  t.same([...load.refused.keys()].filter((status) => status !== 503), [], 'requests during the outage got 503, which a client may repeat')
  for (const service of services) {
    t.ok(service.running, `${service.name} has lived through it`)
    t.equal(service.logs.filter(({ event }) => event === 'listening').length, 1)
    t.equal((await fetch(`${service.ops}/readyz`)).status, 200)
  }
})
