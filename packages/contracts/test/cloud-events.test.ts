import { CloudEventError, decodeCloudEvent, encodeCloudEvent } from '@orders/contracts/cloud-events'
import { Kafka } from 'cloudevents'
import t from 'tap'

const OUTGOING = {
  id: '0190163d-8694-739b-aea5-966c26f8ad90',
  type: 'OrderCreated',
  time: '2026-11-24T10:58:06.789495Z',
  aggregateType: 'order',
  aggregateId: '0190163d-8694-739b-aea5-966c26f8ad91',
  aggregateVersion: '3',
  data: '{"orderId": "x", "ä": "☃"}'
}

t.test('the CloudEvents SDK decodes our records to the same event', async (t) => {
  const { key, value, headers } = encodeCloudEvent(OUTGOING, { source: '/orders' })
  t.equal(key, OUTGOING.aggregateId)
  // The SDK accepts a Kafka message, but its types only have the fields that all transports share.
  const message = { key, headers, body: value, value, timestamp: undefined }
  const event = Kafka.toEvent(message as Parameters<typeof Kafka.toEvent>[0])
  const read = Array.isArray(event) ? event[0] : event
  t.match(read, {
    id: OUTGOING.id,
    type: 'OrderCreated',
    source: '/orders',
    specversion: '1.0',
    subject: OUTGOING.aggregateId,
    datacontenttype: 'application/json',
    aggregatetype: 'order'
  })
  t.equal(String((read as Record<string, unknown>).aggregateversion), '3')
  t.equal(new Date(String(read?.time)).toISOString(), '2026-11-24T10:58:06.789Z')
})

t.test('encode and decode are inverse', async (t) => {
  const { value, headers } = encodeCloudEvent(OUTGOING, { source: '/orders' })
  const asBuffers = Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)]))
  const event = decodeCloudEvent({ value: Buffer.from(value), headers: { ...asBuffers, traceparent: Buffer.from('00-a-b-01') } })
  t.same({ ...event, data: event.data.toString() }, {
    id: OUTGOING.id,
    type: 'OrderCreated',
    source: '/orders',
    time: new Date(OUTGOING.time),
    aggregateType: 'order',
    aggregateId: OUTGOING.aggregateId,
    aggregateVersion: 3,
    traceparent: '00-a-b-01',
    data: OUTGOING.data
  })
})

t.test('the limits of valid events', async (t) => {
  const { value, headers } = encodeCloudEvent(OUTGOING, { source: '/orders' })
  const decode = (changed: Record<string, string>) => decodeCloudEvent({ value, headers: { ...headers, ...changed } })
  t.equal(decode({ ce_aggregateversion: '2147483647' }).aggregateVersion, 2_147_483_647)
  t.equal(decode({ ce_id: OUTGOING.id.toUpperCase() }).id, OUTGOING.id, 'one id, one spelling')
  t.equal(decode({ ce_type: 'x'.repeat(1_024) }).type.length, 1_024)
  t.equal(decode({ ce_specversion: '1.1' }).type, OUTGOING.type, 'a later minor version')
  for (const time of ['2026-11-24T10:58:06Z', '2026-11-24t10:58:06.1z', '2026-11-24T11:58:06.789495123+01:00']) {
    t.equal(decode({ ce_time: time }).time.getUTCHours(), 10, time)
  }
})

t.test('other records are refused, with what was expected', async (t) => {
  const { value, headers } = encodeCloudEvent(OUTGOING, { source: '/orders' })
  const bad: Array<[string, Record<string, string | string[]>, string | null]> = [
    ['no headers', {}, value],
    ['no id', { ...headers, ce_id: '' }, value],
    ['id that is no UUID', { ...headers, ce_id: 'x; DROP TABLE' }, value],
    ['another version of the specification', { ...headers, ce_specversion: '2.0' }, value],
    ['time that is none', { ...headers, ce_time: 'yesterday' }, value],
    ['version 0', { ...headers, ce_aggregateversion: '0' }, value],
    ['version that is no number', { ...headers, ce_aggregateversion: '1e3' }, value],
    ['time that only Date would accept', { ...headers, ce_time: '7' }, value],
    ['time in a year that Postgres cannot store', { ...headers, ce_time: '+275760-09-13T00:00:00Z' }, value],
    ['time without a zone', { ...headers, ce_time: '2026-11-24T10:58:06' }, value],
    ['month that does not exist', { ...headers, ce_time: '2026-13-24T10:58:06Z' }, value],
    ['day that does not exist', { ...headers, ce_time: '2024-02-30T10:58:06Z' }, value],
    ['version out of reach', { ...headers, ce_aggregateversion: '2147483648' }, value],
    ['version far out of reach', { ...headers, ce_aggregateversion: '9'.repeat(20) }, value],
    ['a header twice', { ...headers, ce_type: ['a', 'b'] }, value],
    ['NUL', { ...headers, ce_subject: 'a\0b' }, value],
    ['endless text', { ...headers, ce_type: 'x'.repeat(2_000) }, value],
    ['no value', headers, null]
  ]
  for (const [name, badHeaders, badValue] of bad) {
    t.throws(() => decodeCloudEvent({ value: badValue, headers: badHeaders }), CloudEventError, name)
  }
})
