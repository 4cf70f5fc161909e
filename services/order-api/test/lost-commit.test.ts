import { testDatabase, type TcpProxy } from '@orders/testing/framework'
import t from 'tap'
import { orderApi, orderOf, proxyOf } from './order-api.ts'

/** Each fault concerns the answer to the first COMMIT only. */
const LOSSES: Record<string, (proxy: TcpProxy) => void> = {
  'the answer to COMMIT vanishes': () => {},
  'the connection is cut instead of the answer to COMMIT': (proxy) => { proxy.cut() }
}

for (const [name, onAnswer] of Object.entries(LOSSES)) {
  t.test(`${name}: 503, and the retry with the same key finds the order`, async (t) => {
    const database = await testDatabase(t, { service: 'order-api' })
    const proxy = await proxyOf(t, database.ownerUrl)
    // One connection, so that the bytes after a COMMIT are its answer.
    const api = await orderApi(t, { database, proxy, timeouts: 'short', env: { DATABASE_POOL_SIZE: '1' } })
    const headers = { 'idempotency-key': 'k' }
    let committing = false
    let lost = 0
    proxy.filter((chunk, direction) => {
      if (direction === 'toServer') {
        committing ||= chunk.includes('COMMIT')
        return 'forward'
      }
      if (!committing) return 'forward'
      lost++
      onAnswer(proxy)
      return 'swallow'
    })
    const first = await api.create({ headers })
    t.equal(first.statusCode, 503)
    t.match(first.json(), { type: 'urn:problem:unavailable' })
    t.equal(first.headers['retry-after'], '1')
    t.ok(lost > 0, 'the answer was lost')
    t.same(await api.evidence.counts(), { orders: 1, events: 1, keys: 1 }, 'but it was committed')

    proxy.heal()
    const again = await api.create({ headers })
    t.equal(again.statusCode, 201)
    t.equal(again.headers['idempotency-replayed'], 'true')
    t.same((await api.evidence.orders()).map(({ id }) => id), [orderOf(again).id])
    t.same(await api.evidence.counts(), { orders: 1, events: 1, keys: 1 })
  })
}
