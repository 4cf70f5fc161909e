import { startService, testDatabase, until } from '@orders/testing/framework'
import t, { type Test } from 'tap'
import { OrderApiClient } from './order-api-client.ts'
import { databaseUrl, evidenceOf, proxyOf } from './order-api.ts'

const KILLS = 3
const CLIENTS = 8

async function start (t: Test, through: 'a proxy' | 'nothing' = 'nothing') {
  const database = await testDatabase(t, { service: 'order-api' })
  const proxy = await proxyOf(t, database.ownerUrl)
  const url = databaseUrl(database.url('order_api'), { timeouts: 'patient', ...(through === 'a proxy' ? { proxy } : {}) })
  const service = await startService(t, 'order-api', { DATABASE_URL: url })
  return { service, proxy, client: new OrderApiClient(t, service), evidence: evidenceOf(t, database.ownerUrl) }
}

t.test('after kill -9 between the order and its event neither is stored; a retry creates one order', async (t) => {
  const { service, client, evidence } = await start(t)
  const release = await evidence.hold(t, 'outbox_events')
  const lost = client.create('k').then(() => 'answered', () => 'no answer')
  await evidence.waiting(1)
  service.kill('SIGKILL')
  await service.exited()
  t.equal(await lost, 'no answer')
  await release()
  await until(async () => (await evidence.sessions('order_api')) === 0, { what: 'Postgres to end the sessions of the killed process' })
  t.same(await evidence.counts(), { orders: 0, events: 0, keys: 0 })
  await service.start()
  t.equal((await client.createWithRetry('k')).status, 201)
  t.same(await evidence.counts(), { orders: 1, events: 1, keys: 1 })
})

t.test('after kill -9 between COMMIT and the answer a retry gets the stored order', async (t) => {
  const { service, proxy, client, evidence } = await start(t, 'a proxy')
  let committing = false
  let committed = false
  proxy.filter((chunk, direction) => {
    if (direction === 'toServer') committing ||= chunk.includes('COMMIT')
    else if (committing) {
      committed = true
      return 'swallow'
    }
    return 'forward'
  })
  const lost = client.create('k').then(() => 'answered', () => 'no answer')
  await until(() => committed, { what: 'the answer to COMMIT' })
  service.kill('SIGKILL')
  t.equal(await lost, 'no answer')
  t.same(await evidence.counts(), { orders: 1, events: 1, keys: 1 })
  await service.exited()
  proxy.heal()
  await service.start()
  const again = await client.createWithRetry('k')
  t.equal(again.headers.get('idempotency-replayed'), 'true')
  t.same((await evidence.orders()).map(({ id }) => id), [again.body.id])
  t.same(await evidence.counts(), { orders: 1, events: 1, keys: 1 })
})

t.test('repeated kill -9 under load: every acknowledged order is stored, and orders match events', async (t) => {
  const { service, client, evidence } = await start(t)
  const acknowledged = new Map<string, number>()
  let unanswered = 0
  const stop = new AbortController()
  t.teardown(() => { stop.abort() })

  /** Places an order and changes its status until a request gets no answer. Then it starts with the next order. */
  async function load (): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        const { status, body: { id } } = await client.create()
        if (status !== 201) continue
        acknowledged.set(id, 1)
        for (const action of ['confirm', 'ship', 'deliver']) {
          const { status, body } = await client.request('POST', `/orders/${id}/${action}`)
          if (status !== 200) break
          acknowledged.set(id, body.version)
        }
      } catch {
        unanswered++
        // The port changes with each start, and there is none before the service listens.
        await until(() => URL.canParse(service.http) || stop.signal.aborted, { what: 'the service to listen again', deadlineMs: 60_000 })
      }
    }
  }

  const loads = Array.from({ length: CLIENTS }, load)
  for (let kill = 0; kill < KILLS; kill++) {
    const before = acknowledged.size
    await until(() => acknowledged.size >= before + 10, { what: 'some orders' })
    await service.restart('SIGKILL')
  }
  stop.abort()
  await Promise.all(loads)
  await until(async () => (await evidence.sessions('order_api', 'active')) === 0, { what: 'the statements of the killed processes to end' })

  t.ok(unanswered > 0, `${unanswered} requests got no answer`)
  const versions = new Map((await evidence.orders()).map(({ id, version }) => [id, version]))
  t.ok(versions.size >= acknowledged.size, `${acknowledged.size} orders acknowledged, ${versions.size} there`)
  t.same([...acknowledged].filter(([id, version]) => (versions.get(id) ?? 0) < version), [], 'every acknowledged order and change is there')
  await evidence.assertWhole(t)
})
