// Runs in a pod of the cluster, so that it reaches order-api through its Service, as clients do, and not through one pod.
// Places orders at a steady rate and confirms every second one, until SIGTERM; then waits until all of it has been applied, and
// compares what was accepted with what took effect. Prints JSON lines; the last one is the result.
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'

const { ORDER_API, ORDER_CONSUMER, RATE, CUSTOMER, SETTLE_MS = '180000' } = process.env
const TICK_MS = 20
const MAX_IN_FLIGHT = 400
const STALL_MS = 100

const stop = new AbortController()
process.on('SIGTERM', () => { stop.abort() })
const say = (line) => { console.log(JSON.stringify({ at: Date.now(), ...line })) }

/** Order id → the version that it has to reach. */
const accepted = new Map()
/** Attempts that no client should have to see: no answer, or another one than success or "come back later". */
let failures = 0
/** Answers 503 with Retry-After, after each of which the client waits and repeats: the service is overloaded. */
let postponed = 0
const reasons = new Map()
let inFlight = 0

async function post (path, body) {
  const headers = { 'idempotency-key': randomUUID(), ...body === undefined ? {} : { 'content-type': 'application/json' } }
  // With one key until there is an answer: whatever happened to an attempt, the order exists once.
  for (let attempt = 0; ; attempt++) {
    try {
      const response = await fetch(`${ORDER_API}${path}`, { method: 'POST', headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(30_000) })
      const retryAfter = response.headers.get('retry-after')
      if (response.status === 503 && retryAfter !== null) {
        postponed++
        await response.arrayBuffer()
        await delay(Number(retryAfter) * 1_000 * (1 + Math.random()))
        continue
      }
      if (!response.ok) throw new Error(`status ${response.status} ${await response.json().then(({ type, detail }) => `${type}: ${detail}`, () => '')}`)
      return await response.json()
    } catch (error) {
      failures++
      const reason = String(error.cause?.code ?? error.message)
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
      if (attempt > 200) throw error
      await delay(100 + Math.random() * 100)
    }
  }
}

async function placeOrder (confirm) {
  inFlight++
  try {
    const order = await post('/orders', { customerId: CUSTOMER })
    accepted.set(order.id, 1)
    if (!confirm) return
    await post(`/orders/${order.id}/confirm`)
    accepted.set(order.id, 2)
  } finally {
    inFlight--
  }
}

async function get (path) {
  const response = await fetch(`${ORDER_CONSUMER}${path}`, { signal: AbortSignal.timeout(15_000) })
  if (!response.ok) throw new Error(`${path} answered ${response.status}`)
  return response.json()
}

async function withRetry (work, giveUpAt = performance.now() + Number(SETTLE_MS)) {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (performance.now() > giveUpAt) throw error
      await delay(200)
    }
  }
}

/** Prints every pause in the applied events, once it is over: the cost of a takeover for a reader of the effects. */
async function watchStalls (signal) {
  let applied = -1
  let since = Date.now()
  while (!signal.aborted) {
    const stats = await get('/stats').catch(() => undefined)
    if (stats !== undefined && stats.applied !== applied) {
      const stall = Date.now() - since
      if (applied >= 0 && stall > STALL_MS) say({ stall, since })
      applied = stats.applied
      since = Date.now()
    }
    await delay(20)
  }
}

async function readVersions () {
  const versions = new Map()
  for (let cursor; ;) {
    const page = await get(`/customers/${CUSTOMER}/orders?limit=200${cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`}`)
    for (const { orderId, version } of page.orders) versions.set(orderId, version)
    if (page.nextCursor === null) return versions
    cursor = page.nextCursor
  }
}

const before = await withRetry(() => get('/stats'))
await withRetry(() => placeOrder(false))
say({ started: true })
failures = 0
postponed = 0
reasons.clear()

const watching = watchStalls(stop.signal)
const beganAt = performance.now()
let begun = 0
const unfinished = new Set()
while (!stop.signal.aborted) {
  const due = Math.floor((performance.now() - beganAt) / 1_000 * Number(RATE))
  // Behind a pause it does not try to catch up with more than it can hold.
  for (; begun < due; begun++) {
    if (inFlight >= MAX_IN_FLIGHT) continue
    const work = placeOrder(begun % 2 === 0).finally(() => { unfinished.delete(work) })
    unfinished.add(work)
  }
  await delay(TICK_MS)
}
const durationMs = Math.round(performance.now() - beganAt)
await Promise.all(unfinished)
await watching
const failuresUnderLoad = failures

let lost = []
const giveUpAt = performance.now() + Number(SETTLE_MS)
for (;;) {
  const versions = await withRetry(readVersions)
  lost = [...accepted].filter(([id, version]) => (versions.get(id) ?? 0) < version)
  if (lost.length === 0 || performance.now() > giveUpAt) break
  await delay(500)
}
const after = await withRetry(() => get('/stats'))
say({
  result: {
    orders: accepted.size,
    events: [...accepted.values()].reduce((sum, version) => sum + version, 0),
    durationMs,
    failures: failuresUnderLoad,
    postponed,
    reasons: Object.fromEntries(reasons),
    lost: lost.length,
    effects: after.applied - before.applied,
    duplicates: after.duplicates - before.duplicates,
    gaps: after.gaps - before.gaps,
    deadLetters: after.deadLetters - before.deadLetters
  }
})
