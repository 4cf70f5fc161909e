import { enqueue, InvalidEventError, readBatch, type NewEvent } from '@orders/outbox'
import t from 'tap'
import { event, outboxDatabase, readAll } from './outbox-database.ts'

t.test('an event is written as it was given', async (t) => {
  const { pool } = await outboxDatabase(t)
  const eventId = '0190163d-8694-739b-aea5-966c26f8ad90'
  const ids = await enqueue(pool, event('a', 1, {
    eventId, payload: { text: 'ä \\u0000 ☃', n: 1.5, nested: [null, true] }, headers: { traceparent: '00-1-2-01' }
  }))
  t.same(ids, [eventId])
  const [read] = await readBatch(pool, readAll())
  t.match(read, {
    eventId, aggregateType: 'order', aggregateId: 'a', aggregateVersion: '1', eventType: 'OrderCreated', headers: '{"traceparent": "00-1-2-01"}'
  })
  t.same(JSON.parse(read?.payload ?? ''), { text: 'ä \\u0000 ☃', n: 1.5, nested: [null, true] })
  t.match(read?.createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/)
})

t.test('many events keep their order', async (t) => {
  const { pool } = await outboxDatabase(t)
  const events = Array.from({ length: 500 }, (_, index) => event(`a${index % 7}`, Math.floor(index / 7) + 1))
  const ids = await enqueue(pool, events)
  t.same((await readBatch(pool, readAll())).map(({ eventId }) => eventId), ids)
})

t.test('nothing is written when the transaction is rolled back', async (t) => {
  const { pool } = await outboxDatabase(t)
  const client = await pool.connect()
  await client.query('BEGIN')
  await enqueue(client, event('a', 1))
  await client.query('ROLLBACK')
  client.release()
  t.same(await readBatch(pool, readAll()), [])
})

t.test('two events of one version collide', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, event('a', 1))
  await t.rejects(enqueue(pool, event('a', 1)), { code: '23505' })
})

t.test('no events: no statement is sent', async (t) => {
  t.same(await enqueue({ query: () => { throw new Error('not to be called') } }, []), [])
})

t.test('an event that the outbox cannot hold is refused before anything is sent', async (t) => {
  const client = { query: () => { throw new Error('not to be called') } }
  const bad: Array<[string, unknown]> = [
    ['eventId', event('a', 1, { eventId: 'no uuid' })],
    ['aggregateType', event('a', 1, { aggregateType: '' })],
    ['aggregateId', event('', 1)],
    ['aggregateId', event('x'.repeat(256), 1)],
    ['aggregateId', event('a\0b', 1)],
    ['aggregateVersion', event('a', 0)],
    ['aggregateVersion', event('a', 1.5)],
    ['aggregateVersion', { ...event('a', 1), aggregateVersion: '1' }],
    ['eventType', { ...event('a', 1), eventType: undefined }],
    ['payload', { ...event('a', 1), payload: undefined }],
    ['payload', event('a', 1, { payload: { text: 'a\0b' } })],
    ['payload', event('a', 1, { payload: '\\\0' })],
    ['headers.n', { ...event('a', 1), headers: { n: 1 } }],
    ['aggregateId', event('x\ud800', 1)],
    ['aggregateId', event('\udfff', 1)],
    ['aggregateType', event('a', 1, { aggregateType: 'x\ud800y' })],
    ['eventType', event('a', 1, { eventType: '\ud800' })],
    ['aggregateVersion', event('a', 1, { aggregateVersion: 2n ** 63n })],
    ['aggregateVersion', { ...event('a', 1), aggregateVersion: 2 ** 53 }],
    ['aggregateVersion', { ...event('a', 1), aggregateVersion: -1n }],
    ['headers', { ...event('a', 1), headers: 'text' }],
    ['headers', { ...event('a', 1), headers: ['x'] }],
    ['headers', event('a', 1, { headers: { '': 'x' } })],
    ['headers', event('a', 1, { headers: { 'a\udc00': 'x' } })],
    ['headers', event('a', 1, { headers: JSON.parse('{"__proto__": "x"}') as Record<string, string> })],
    ['headers.h', event('a', 1, { headers: { h: '\ud800' } })],
    ['headers.h', event('a', 1, { headers: { h: '\0' } })],
    ['headers.ce_id', event('a', 1, { headers: { ce_id: 'mine' } })],
    ['headers.ce_aggregateversion', event('a', 1, { headers: { ce_aggregateversion: '7' } })],
    ['headers.Content-Type', event('a', 1, { headers: { 'Content-Type': 'text/plain' } })]
  ]
  for (const [field, value] of bad) {
    const error = await enqueue(client, value as NewEvent).catch((error: unknown) => error)
    t.ok(error instanceof InvalidEventError, `${field}: InvalidEventError`)
    t.match(error, { code: 'OUTBOX_INVALID_EVENT', field })
  }
})

t.test('a payload that JSON would change or Postgres cannot store is refused, with the place in it', async (t) => {
  const client = { query: () => { throw new Error('not to be called') } }
  const nested = (depth: number, wrap: (inner: unknown) => unknown) => Array.from({ length: depth }).reduce((inner) => wrap(inner), 'x' as unknown)
  const loop: Record<string, unknown> = { list: [] }
  loop.list = [loop]
  const bad: Array<[string, unknown]> = [
    ['/a', { a: 'x\ud800y' }],
    ['/a/1', { a: ['', '\udc00'] }],
    ['/\ufffd', { '\udc00': 1 }],
    ['/a~1b', { 'a/b': '\0' }],
    ['/total', { total: NaN }],
    ['/total', { total: -Infinity }],
    ['', NaN],
    ['/total', { total: 9_007_199_254_740_993n }],
    ['/0', [undefined]],
    ['/0', Array(2)],
    ['/f', { f: () => {} }],
    ['/s', { s: Symbol('x') }],
    ['/at', { at: new Date(NaN) }],
    ['/m', { m: new Map([[1, 2]]) }],
    ['/m', { m: new Set([1]) }],
    ['/m', { m: /x/ }],
    ['/m', { m: new Uint8Array(2) }],
    ['/m', { m: { toJSON () { throw new Error('no') } } }],
    ['/m', { m: { toJSON: () => NaN } }],
    ['/a/__proto__', JSON.parse('{"a": {"__proto__": {"admin": true}}}')],
    ['/list/0', loop],
    [undefined as unknown as string, nested(501, (inner) => [inner])],
    [undefined as unknown as string, nested(8_000, (inner) => ({ a: inner }))],
    [undefined as unknown as string, nested(200_000, (inner) => [inner])]
  ]
  for (const [pointer, payload] of bad) {
    const error: unknown = await enqueue(client, { ...event('a', 1), payload } as NewEvent).catch((error: unknown) => error)
    t.ok(error instanceof InvalidEventError, String(pointer))
    t.match(error, { field: 'payload', ...pointer === undefined ? {} : { pointer } })
    t.ok((error as Error).message.isWellFormed())
  }
  const large = await enqueue(client, event('a', 1, { payload: { a: 'x'.repeat(268_000_000) } })).catch((error: unknown) => error)
  t.match(large, { code: 'OUTBOX_INVALID_EVENT', field: 'payload', message: /bytes/ })
})

t.test('unusual values that can be stored are stored unchanged', async (t) => {
  const { pool } = await outboxDatabase(t)
  const shared = { n: 1 }
  const payload = { emoji: '😀', escaped: '\\u0000 \\ud800', at: new Date(0), undef: undefined, twice: [shared, shared], deep: [[[[]]]], none: Object.create(null) as object, zero: -0, big: 1e308 }
  await enqueue(pool, { ...event('😀'.repeat(127), 1), payload, headers: { traceparent: '00-1-2-01', ce_tenant: 'a', toString: 'x', ключ: 'значение' } } as unknown as NewEvent)
  await enqueue(pool, event('b', 1, { aggregateVersion: 2n ** 63n - 1n }))
  const [first, second] = await readBatch(pool, readAll())
  t.same(JSON.parse(first?.payload ?? ''), JSON.parse(JSON.stringify(payload)))
  t.same(JSON.parse(first?.headers ?? ''), { traceparent: '00-1-2-01', ce_tenant: 'a', toString: 'x', ключ: 'значение' })
  t.equal(first?.aggregateId, '😀'.repeat(127))
  t.equal(second?.aggregateVersion, '9223372036854775807')
})
