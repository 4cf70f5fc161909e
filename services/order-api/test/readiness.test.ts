import { startService, testDatabase } from '@orders/local-stack/harness'
import t from 'tap'
import { OrderApiClient } from './order-api-client.ts'
import { databaseUrl, evidenceOf } from './order-api.ts'

t.test('a replica whose connections are all in use is busy, and still ready', async (t) => {
  const database = await testDatabase(t, { service: 'order-api' })
  const service = await startService(t, 'order-api', {
    DATABASE_URL: databaseUrl(database.url('order_api'), { timeouts: 'patient' }), DATABASE_POOL_SIZE: '2'
  })
  const client = new OrderApiClient(t, service)
  const evidence = evidenceOf(t, database.ownerUrl)
  const release = await evidence.hold(t, 'outbox_events')
  const requests = Array.from({ length: 4 }, () => client.create())
  await evidence.waiting(2)

  const answer = await fetch(`${service.ops}/readyz`)
  t.equal(answer.status, 200, await answer.text())

  await release()
  await Promise.all(requests)
  await evidence.assertWhole(t)
})
