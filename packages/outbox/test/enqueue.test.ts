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

t.test('no events are no statement', async (t) => {
  t.same(await enqueue({ query: () => { throw new Error('not to be called') } }, []), [])
})

t.test('what the outbox cannot hold is refused before anything is sent', async (t) => {
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
    ['headers.n', { ...event('a', 1), headers: { n: 1 } }]
  ]
  for (const [field, value] of bad) {
    const error = await enqueue(client, value as NewEvent).catch((error: unknown) => error)
    t.ok(error instanceof InvalidEventError, `${field}: InvalidEventError`)
    t.match(error, { code: 'OUTBOX_INVALID_EVENT', field })
  }
})
