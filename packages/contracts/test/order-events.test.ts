import { InvalidOrderEventError, orderEventSchemas, parseOrderEvent, STATUS_AFTER, type OrderEventType } from '@orders/contracts'
import t from 'tap'

const DATA = { orderId: '0190163d-8694-739b-aea5-966c26f8ad91', customerId: 'customer-1' }

t.test('every event type is read, with fields that are new to us', async (t) => {
  for (const type of Object.keys(orderEventSchemas) as OrderEventType[]) {
    t.same(parseOrderEvent(type, Buffer.from(JSON.stringify({ ...DATA, later: true }))), { type, data: { ...DATA, later: true } })
    t.ok(STATUS_AFTER[type])
  }
})

t.test('what breaks the contract is refused, and says how', async (t) => {
  const bad: Array<[string, string, string]> = [
    ['OrderTeleported', JSON.stringify(DATA), 'unknown-type'],
    ['constructor', JSON.stringify(DATA), 'unknown-type'],
    ['OrderCreated', '{"orderId":', 'malformed-json'],
    ['OrderCreated', '', 'malformed-json'],
    ['OrderCreated', 'null', 'schema'],
    ['OrderCreated', '[]', 'schema'],
    ['OrderCreated', JSON.stringify({ customerId: 'c' }), 'schema'],
    ['OrderCreated', JSON.stringify({ ...DATA, orderId: 'x' }), 'schema'],
    ['OrderCreated', JSON.stringify({ ...DATA, customerId: 5 }), 'schema'],
    ['OrderCreated', JSON.stringify({ ...DATA, customerId: '' }), 'schema'],
    ['OrderCreated', JSON.stringify({ ...DATA, customerId: 'a\0b' }), 'schema']
  ]
  for (const [type, json, reason] of bad) {
    const error = await Promise.resolve().then(() => parseOrderEvent(type, json)).catch((error: unknown) => error)
    t.ok(error instanceof InvalidOrderEventError, `${type} ${json}`)
    t.match(error, { reason, code: 'ORDER_EVENT_INVALID' }, `${type} ${json}`)
  }
})
