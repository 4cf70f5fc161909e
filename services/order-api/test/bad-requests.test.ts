import { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { orderApi, type OrderApi } from './order-api.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

const BODIES: Record<string, string | Buffer> = {
  'no member': '{}',
  null: 'null',
  true: 'true',
  'a number': '5',
  'a string': '"customer-1"',
  'an array': '[]',
  'an array of one order': '[{"customerId":"a"}]',
  'customerId is true': '{"customerId":true}',
  'customerId is a number': '{"customerId":5}',
  'customerId is an array': '{"customerId":[5]}',
  'customerId is an array of one text': '{"customerId":["a"]}',
  'customerId is null': '{"customerId":null}',
  'customerId is an object': '{"customerId":{"a":1}}',
  'customerId has a toString': '{"customerId":{"toString":"a"}}',
  'customerId is empty': '{"customerId":""}',
  'customerId is white space': '{"customerId":" "}',
  'customerId has NUL': '{"customerId":"a\\u0000b"}',
  'customerId is half a character': '{"customerId":"a\\ud800"}',
  'customerId ends with a line break': '{"customerId":"a\\n"}',
  'customerId is too long': `{"customerId":"${'x'.repeat(101)}"}`,
  'customerId is SQL': '{"customerId":"a\'; DROP TABLE orders; --"}',
  'another case': '{"CustomerId":"a"}',
  'an unknown member': '{"customerId":"a","total":5}',
  'members that are ours to set': '{"customerId":"a","status":"DELIVERED","version":7}',
  __proto__: '{"customerId":"a","__proto__":{"admin":true}}',
  '__proto__ alone': '{"__proto__":{"customerId":"a"}}',
  '__proto__, escaped': '{"customerId":"a","\\u005f_proto__":{}}',
  constructor: '{"customerId":"a","constructor":{"prototype":{"admin":true}}}',
  prototype: '{"customerId":"a","prototype":{}}',
  'a member twice': '{"customerId":"a","customerId":"b"}',
  'a member twice, escaped': '{"customerId":"a","\\u0063ustomerId":"b"}',
  'cut off': '{"customerId":"a"',
  'two documents': '{"customerId":"a"}{"customerId":"b"}',
  'single quotes': "{'customerId':'a'}",
  'a comment': '{"customerId":"a"/**/}',
  'a trailing comma': '{"customerId":"a",}',
  NaN: '{"customerId":NaN}',
  'a form': 'customerId=a',
  nothing: '',
  'white space': '  \n',
  'bytes that are no UTF-8': Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
  'customerId of bytes that are no UTF-8': Buffer.concat([Buffer.from('{"customerId":"a'), Buffer.from([0xff]), Buffer.from('"}')]),
  'UTF-16': Buffer.from('{"customerId":"a"}', 'utf16le'),
  deep: `${'['.repeat(20_000)}${']'.repeat(20_000)}`
}

const TYPES: Array<[type: string | undefined, status: number]> = [
  ['text/plain', 415], ['text/plain;charset=utf-8', 415], ['application/x-www-form-urlencoded', 415], ['multipart/form-data; boundary=x', 415],
  ['application/xml', 415], ['application/jsonp', 415], ['application/json-patch+json', 415], ['application/vnd.api+json', 415], ['*/*', 415],
  ['application', 415], [';', 415], ['; charset=utf-8', 415], [undefined, 415], ['application/json/x', 415], ['application /json', 415],
  ['text/plain, application/json', 415]
]

/** Other spellings of JSON's media type. No case, parameter or space in the header may bypass the schema. */
const TYPES_OF_JSON = [
  'application/json', 'APPLICATION/JSON', 'Application/Json; Charset=UTF-8', 'application/json;', 'application/json ;charset=utf-8',
  'application/json\t', 'application/json\t; a=b', 'application/json; charset="utf-8"; x=y'
]

async function untouched (t: Test, api: OrderApi): Promise<void> {
  t.same(await api.evidence.counts(), { orders: 0, events: 0, keys: 0 }, 'nothing was stored')
}

t.test('a body that is not an order is refused, with and without a key, and nothing is stored', async (t) => {
  const api = await orderApi(t)
  for (const [name, payload] of Object.entries(BODIES)) {
    for (const headers of [JSON_TYPE, { ...JSON_TYPE, 'idempotency-key': 'k' }]) {
      const response = await api.request({ method: 'POST', url: '/orders', headers, payload })
      t.equal(response.statusCode, 400, name)
      t.match(response.json(), { type: 'urn:problem:invalid-request' }, name)
    }
  }
  await untouched(t, api)
  t.equal((await api.request({ method: 'POST', url: '/orders', headers: JSON_TYPE, payload: '{"customerId":"a"}' })).statusCode, 201, 'a valid order is accepted')
})

t.test('a body with another content type than JSON is refused', async (t) => {
  const api = await orderApi(t)
  for (const [type, status] of TYPES) {
    const response = await api.request({
      method: 'POST', url: '/orders', headers: type === undefined ? {} : { 'content-type': type }, payload: '{"customerId":"a"}'
    })
    t.equal(response.statusCode, status, type ?? 'no type')
    t.match(response.json(), { type: 'urn:problem:unsupported-media-type' })
  }
  await untouched(t, api)
})

t.test('the schema applies to every spelling of the content type', async (t) => {
  const api = await orderApi(t)
  for (const type of TYPES_OF_JSON) {
    const response = await api.request({ method: 'POST', url: '/orders', headers: { 'content-type': type }, payload: '{"customerId":true}' })
    t.equal(response.statusCode, 400, JSON.stringify(type))
  }
  await untouched(t, api)
})

t.test('a body that is too large is refused, with and without a content-length', async (t) => {
  const api = await orderApi(t)
  const order = (length: number) => `{"customerId":"a"${' '.repeat(length)}}`
  const chunked = () => Readable.from(Array.from({ length: 20 }, () => Buffer.from(' '.repeat(8_192))))
  for (const { payload, headers } of [
    { payload: () => order(65_536), headers: JSON_TYPE },
    // A client sends this header over a socket. Without it there is no body.
    { payload: chunked, headers: { ...JSON_TYPE, 'transfer-encoding': 'chunked' } }
  ]) {
    // A getter, because a retry needs a new stream.
    const response = await api.request({ method: 'POST', url: '/orders', headers, get payload () { return payload() } })
    t.equal(response.statusCode, 413)
    t.match(response.json(), { type: 'urn:problem:body-too-large' })
  }
  await untouched(t, api)
  t.equal((await api.request({ method: 'POST', url: '/orders', headers: JSON_TYPE, payload: order(65_000) })).statusCode, 201)
})

t.test('an invalid field is named, with a JSON pointer', async (t) => {
  const api = await orderApi(t)
  const post = async (payload: object) => (await api.request({ method: 'POST', url: '/orders', payload })).json<object>()
  t.match(await post({ customerId: 5 }), { errors: [{ in: 'body', pointer: '/customerId', detail: 'must be string' }] })
  t.match(await post({}), { errors: [{ in: 'body', pointer: '/customerId', detail: /required/ }] })
  t.match(await post({ customerId: 'a', total: 1 }), { errors: [{ in: 'body', pointer: '/total' }] })
  const problem = (await api.request({ method: 'POST', url: '/orders', headers: JSON_TYPE, payload: '{"customerId":"secret-a","customerId":"secret-b"}' })).payload
  t.notMatch(problem, /secret/, 'the problem does not repeat the input')
})
