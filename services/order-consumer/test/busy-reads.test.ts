import { setTimeout as delay } from 'node:timers/promises'
import { until } from '@orders/testing/framework'
import t from 'tap'
import { ShortCache } from '../src/read-model/short-cache.ts'
import { getJson, metric, setUp } from './order-consumer.ts'
import { lives } from './order-events.ts'

t.test('reads that take all connections block neither the events nor the readiness', async (t) => {
  const fixture = await setUp(t)
  const service = await fixture.start({ DATABASE_POOL_SIZE: '1' })
  await fixture.publish(lives(1, 1))
  await fixture.settled(1)
  // A slow row, for the connections of the requests only.
  await fixture.owner.query(`
    CREATE FUNCTION slow_read () RETURNS boolean LANGUAGE plpgsql AS $$
      BEGIN IF current_setting('application_name') LIKE '% http' THEN PERFORM pg_sleep(1); END IF; RETURN true; END $$;
    ALTER TABLE order_views ENABLE ROW LEVEL SECURITY;
    CREATE POLICY slow ON order_views USING (slow_read()) WITH CHECK (true)`)
  const answers: Array<{ status: number, body: Record<string, unknown> }> = []
  const done = new AbortController()
  const clients = Promise.all(Array.from({ length: 60 }, async () => {
    while (!done.signal.aborted) answers.push(await getJson(`${service.http}/customers/customer-1/orders`))
  }))
  await until(() => answers.some(({ body }) => body.type === 'urn:problem:overloaded'), { what: 'more requests than may wait' })
  await fixture.publish(lives(10, 4))
  await fixture.settled(41)
  t.equal((await getJson(`${service.ops}/readyz`)).status, 200)
  t.equal(await metric(service, 'consumer_batch_failures_total'), 0)
  done.abort()
  await clients
  t.ok(answers.every(({ status }) => status === 200 || status === 503))
})

t.test('under constant requests the orders are counted at most once a second, and less often if the query is slow', async (t) => {
  let now = 0
  let found = 0
  let takes = 0
  const cache = new ShortCache(async () => {
    await delay(0)
    now += takes
    if (found < 0) throw new Error('away')
    return ++found
  }, { minMs: 1_000, perDuration: 10 }, () => now)
  t.same(await Promise.all([cache.get(), cache.get(), cache.get()]), [1, 1, 1], 'concurrent callers share one answer')
  now += 999
  t.equal(await cache.get(), 1)
  now += 1
  takes = 500
  t.equal(await cache.get(), 2)
  now += 4_999
  t.equal(await cache.get(), 2)
  now += 1
  found = -1
  await t.rejects(cache.get(), /away/)
  found = 2
  t.equal(await cache.get(), 3, 'a failure is not kept')
})

t.test('a very long history is answered with its newest thousand versions', async (t) => {
  const fixture = await setUp(t)
  const orderId = '0190163d-8694-739b-aea5-966c26f8ad91'
  await fixture.owner.query('INSERT INTO order_views VALUES ($1, \'c\', \'PENDING\', 1500, now(), now())', [orderId])
  await fixture.owner.query('INSERT INTO order_history SELECT $1, n, gen_random_uuid(), \'PENDING\', now() FROM generate_series(1, 1500) n', [orderId])
  const service = await fixture.start()
  const { history } = await until(async () => {
    const { status, body } = await getJson(`${service.http}/orders/${orderId}`)
    // On a busy machine the first connect takes longer than a request waits.
    return status === 200 && body as unknown as { history: Array<{ version: number }> }
  }, { what: 'an answer' })
  t.same([history.length, history[0]?.version, history.at(-1)?.version], [1_000, 501, 1_500])
})
