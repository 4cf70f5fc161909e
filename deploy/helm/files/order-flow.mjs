// `helm test`: places an order, and waits until its event has been applied to the read model.
import { setTimeout as delay } from 'node:timers/promises'

const { ORDER_API, ORDER_CONSUMER, DEADLINE_MS } = process.env
const giveUpAt = performance.now() + Number(DEADLINE_MS)

/** Retries until the deadline: the network rules of a new release may not have reached the nodes yet. */
async function until (what, attempt) {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (performance.now() > giveUpAt) throw new Error(`expected ${what} within ${DEADLINE_MS} ms`, { cause: error })
      await delay(250)
    }
  }
}

async function call (url, options) {
  const response = await fetch(url, { ...options, signal: AbortSignal.timeout(5_000) })
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`)
  return response.json()
}

const order = await until('an order to be accepted', () => call(`${ORDER_API}/orders`, {
  method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ customerId: 'helm-test' })
}))
console.log(`order ${order.id} accepted`)
const placedAt = performance.now()
const view = await until('the order in the read model', () => call(`${ORDER_CONSUMER}/orders/${order.id}`))
if (view.status !== order.status || view.version !== 1) throw new Error(`expected ${order.status} in version 1, found ${JSON.stringify(view)}`)
console.log(`applied after ${Math.round(performance.now() - placedAt)} ms`)
