import { startService, testDatabase, until } from '@orders/testing/framework'
import t, { type Test } from 'tap'
import { OrderApiClient } from './order-api-client.ts'
import { databaseUrl, evidenceOf } from './order-api.ts'

async function start (t: Test, env: Record<string, string> = {}) {
  const database = await testDatabase(t, { service: 'order-api' })
  const service = await startService(t, 'order-api', { DATABASE_URL: databaseUrl(database.url('order_api'), { timeouts: 'patient' }), ...env })
  const draining = () => until(async () => (await fetch(`${service.ops}/readyz`)).status === 503, { what: 'the service to be no longer ready' })
  return { service, draining, client: new OrderApiClient(t, service), evidence: evidenceOf(t, database.ownerUrl) }
}

t.test('SIGTERM: the request in flight is answered, new ones are refused, exit code 0', async (t) => {
  const { service, draining, client, evidence } = await start(t)
  // Leaves an idle connection, which must not delay the shutdown.
  t.equal((await client.request('GET', '/orders')).status, 200)
  const release = await evidence.hold(t, 'outbox_events')
  const inFlight = client.create('k')
  await evidence.waiting(1)
  service.kill('SIGTERM')
  await draining()
  await until(() => fetch(`${service.http}/orders`, { headers: { connection: 'close' } }).then(() => false, () => true), { what: 'new connections to be refused' })
  t.ok(service.running, 'it waits for the request')
  await release()
  const answer = await inFlight
  t.equal(answer.status, 201)
  t.equal(answer.headers.get('connection'), 'close')
  t.equal(await service.exited(), 0)
  t.same((await evidence.orders()).map(({ id }) => id), [answer.body.id])
  await evidence.assertWhole(t)
})

t.test('during SHUTDOWN_DELAY_MS it is not ready, and still answers requests', async (t) => {
  const { service, draining, client, evidence } = await start(t, { SHUTDOWN_DELAY_MS: '6000' })
  service.kill('SIGTERM')
  await draining()
  t.equal((await client.create()).status, 201)
  t.equal(await service.exited(), 0)
  await evidence.assertWhole(t)
})
