import type { OutboxEvent } from '@orders/outbox'
import t from 'tap'
import { toBatch } from '../src/publishing/batch.ts'
import { TopicMap } from '../src/publishing/topics.ts'

const event = (headers: string): OutboxEvent => ({
  id: '1', eventId: '0190163d-8694-739b-aea5-966c26f8ad90', aggregateType: 'order', aggregateId: 'a', aggregateVersion: '1', eventType: 'E', payload: '{}', headers, createdAt: '2026-11-24T10:58:06Z'
})
const headersOf = (headers: string) => toBatch([event(headers)], false, { topics: TopicMap.parse('', 'topic'), source: '/orders', maxRecordBytes: 1_048_576 }).records[0]?.headers ?? {}

t.test('stored headers that are not strings become their JSON text, to the last digit', async (t) => {
  t.match(headersOf(`{"big": 12345678901234567890, "exact": 0.1000000000000000055511151231257827, "nested": {"ids": [9007199254740993, 1e400]}, "yes": true, "none": null,
    "text": "as \\"it\\" is", "traceparent": "00-1-2-01"}`), {
    big: '12345678901234567890',
    exact: '0.1000000000000000055511151231257827',
    nested: '{"ids":[9007199254740993,1e400]}',
    yes: 'true',
    none: 'null',
    text: 'as "it" is',
    traceparent: '00-1-2-01'
  })
})

t.test('names of object members are ordinary header names, and the event\'s own attributes win', async (t) => {
  for (const value of ['"x"', '7']) {
    const headers = headersOf(`{"toString": ${value}, "constructor": "y", "__proto__": "z", "ce_id": "mine"}`)
    t.same(Object.entries(headers).filter(([name]) => !name.startsWith('ce_')), [['toString', value === '7' ? '7' : 'x'], ['constructor', 'y'], ['__proto__', 'z'], ['content-type', 'application/json']])
    t.equal(headers.ce_id, '0190163d-8694-739b-aea5-966c26f8ad90')
  }
})
