import {
  InvalidOrderEventError, ORDER_AGGREGATE_TYPE, ORDER_EVENTS_DEAD_LETTER_TOPIC, ORDER_EVENTS_TOPIC, ORDER_STATUSES, orderEventSchemas, parseOrderEvent,
  STATUS_AFTER, type OrderEventType
} from '@orders/contracts'
import { decodeCloudEvent, encodeCloudEvent } from '@orders/contracts/cloud-events'
import { readFile } from 'node:fs/promises'
import t from 'tap'

const DATA = { orderId: '0190163d-8694-739b-aea5-966c26f8ad91', customerId: 'customer-1' }
const TYPES = Object.keys(orderEventSchemas) as OrderEventType[]

t.test('every event type survives encode and decode', async (t) => {
  for (const [index, type] of TYPES.entries()) {
    const { key, value, headers } = encodeCloudEvent({
      id: '0190163d-8694-739b-aea5-966c26f8ad90',
      type,
      time: '2026-11-24T10:58:06.789495Z',
      aggregateType: ORDER_AGGREGATE_TYPE,
      aggregateId: DATA.orderId,
      aggregateVersion: String(index + 1),
      data: JSON.stringify(DATA)
    }, { source: '/orders' })
    const event = decodeCloudEvent({ value: Buffer.from(value), headers })
    t.match(event, { type, aggregateType: 'order', aggregateId: key, aggregateVersion: index + 1 })
    t.same(parseOrderEvent(event.type, event.data), { type, data: DATA })
  }
})

t.test('unknown fields are accepted in every type: a producer may add them first', async (t) => {
  for (const type of TYPES) {
    const data = { ...DATA, later: { deep: [1, null] } }
    t.same(parseOrderEvent(type, Buffer.from(JSON.stringify(data))), { type, data })
    t.match(orderEventSchemas[type], { additionalProperties: true })
  }
})

t.test('every type leads to another status, and every status is reached', async (t) => {
  t.same(Object.keys(STATUS_AFTER), TYPES)
  t.same(TYPES.map((type) => STATUS_AFTER[type]), ORDER_STATUSES)
})

t.test('names that other programs depend on: a change here needs more than this file', async (t) => {
  t.same(TYPES, ['OrderCreated', 'OrderConfirmed', 'OrderShipped', 'OrderDelivered', 'OrderCancelled'])
  t.same([ORDER_EVENTS_TOPIC, ORDER_EVENTS_DEAD_LETTER_TOPIC, ORDER_AGGREGATE_TYPE], ['order-events', 'order-events.dlq', 'order'])
  for (const type of TYPES) t.same(Object.keys(orderEventSchemas[type].properties), ['orderId', 'customerId'], type)
})

t.test('the README lists every type, with its status and fields', async (t) => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  for (const type of TYPES) {
    const fields = Object.keys(orderEventSchemas[type].properties).map((field) => `\`${field}\``).join(', ')
    t.ok(readme.split('\n').some((line) => line.startsWith(`| \`${type}\` |`) && line.endsWith(`| \`${STATUS_AFTER[type]}\` | ${fields} |`)), type)
  }
})

t.test('valid and invalid customer ids, up to the limits', async (t) => {
  const read = (customerId: unknown) => parseOrderEvent('OrderCreated', JSON.stringify({ ...DATA, customerId }))
  for (const customerId of ['a', '7', 'a.b_c:d@e-f', 'c'.repeat(100)]) t.equal(read(customerId).data.customerId, customerId)
  for (const customerId of ['c'.repeat(101), '-a', ' a', 'a b', 'ä', 'a\n', '\ud800', null, ['a'], {}, true]) {
    t.throws(() => read(customerId), InvalidOrderEventError, JSON.stringify(customerId))
  }
})

t.test('invalid events are refused, with the reason', async (t) => {
  const bad: Array<[string, string, string]> = [
    ['OrderTeleported', JSON.stringify(DATA), 'unknown-type'],
    ['ordercreated', JSON.stringify(DATA), 'unknown-type'],
    ['constructor', JSON.stringify(DATA), 'unknown-type'],
    ['__proto__', JSON.stringify(DATA), 'unknown-type'],
    ['OrderCreated', '{"orderId":', 'malformed-json'],
    ['OrderCreated', '', 'malformed-json'],
    ['OrderCreated', 'null', 'schema'],
    ['OrderCreated', '[]', 'schema'],
    ['OrderCreated', '"text"', 'schema'],
    ['OrderCreated', JSON.stringify({ customerId: 'c' }), 'schema'],
    ['OrderCreated', JSON.stringify({ ...DATA, orderId: 'x' }), 'schema'],
    ['OrderCreated', JSON.stringify({ ...DATA, orderId: `urn:uuid:${DATA.orderId}` }), 'schema'],
    ['OrderCreated', JSON.stringify({ ...DATA, customerId: 5 }), 'schema'],
    ['OrderCreated', JSON.stringify({ ...DATA, customerId: '' }), 'schema'],
    ['OrderCreated', JSON.stringify({ ...DATA, customerId: 'a\0b' }), 'schema'],
    ['OrderCancelled', JSON.stringify({ orderId: DATA.orderId }), 'schema']
  ]
  for (const [type, json, reason] of bad) {
    const error = await Promise.resolve().then(() => parseOrderEvent(type, json)).catch((error: unknown) => error)
    t.ok(error instanceof InvalidOrderEventError, `${type} ${json}`)
    t.match(error, { reason, code: 'ORDER_EVENT_INVALID' }, `${type} ${json}`)
  }
})
