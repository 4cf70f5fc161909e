import { childTraceContext, parseTraceparent } from '@orders/service-kit'
import t from 'tap'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = `00-${TRACE}-b7ad6b7169203331-01`

t.test('a valid traceparent is parsed', async (t) => {
  t.same(parseTraceparent(PARENT), { traceId: TRACE, flags: '01' })
  t.same(parseTraceparent(`cc-${TRACE}-b7ad6b7169203331-00-what-the-future-will-be-like`), { traceId: TRACE, flags: '00' })
})

t.test('a malformed traceparent is ignored', async (t) => {
  for (const header of [
    undefined, 7, '', 'x', PARENT.toUpperCase(), `ff-${TRACE}-b7ad6b7169203331-01`, `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`, `${PARENT}-extra`, `00-${TRACE}-b7ad6b7169203331`, `${PARENT}${'-x'.repeat(300)}`
  ]) t.equal(parseTraceparent(header), undefined, String(header).slice(0, 70))
})

t.test('a child continues the trace with a new span; without a parent a new trace begins', async (t) => {
  const child = childTraceContext(PARENT)
  t.equal(child.traceId, TRACE)
  t.match(child.traceparent, new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`))
  t.not(child.traceparent, PARENT)
  t.match(childTraceContext(`00-${TRACE}-b7ad6b7169203331-ff`).traceparent, /-01$/, 'flags that version 00 does not know are cleared')
  t.match(childTraceContext(`00-${TRACE}-b7ad6b7169203331-02`).traceparent, /-00$/)
  t.not(childTraceContext(undefined).traceId, childTraceContext('nonsense').traceId)
})
