import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { until } from '@orders/testing/framework'
import t, { type Test } from 'tap'
import { CHART } from '../../tools/generate/chart/value-sets.ts'
import { startSystem } from '../faults/system.ts'
import type { LoadResult } from '../e2e/load.ts'

const LOAD = fileURLToPath(new URL('../e2e/load.mjs', import.meta.url))
const ORDER_FLOW = fileURLToPath(new URL('files/order-flow.mjs', CHART))

const system = await startSystem(t)
const services = { ORDER_API: system.api.http, ORDER_CONSUMER: system.consumer.http }

/** The program that a pod runs in the cluster, here as a process. */
async function startLoad (t: Test, customer: string, settleMs: number) {
  const child = spawn(process.execPath, [LOAD], { env: { ...services, RATE: '50', CUSTOMER: customer, SETTLE_MS: String(settleMs) }, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => { child.kill('SIGKILL') })
  const lines: Array<{ started?: boolean, result?: LoadResult }> = []
  createInterface({ input: child.stdout }).on('line', (line) => { lines.push(JSON.parse(line) as { started?: boolean, result?: LoadResult }) })
  await until(() => lines.some(({ started }) => started === true), { what: 'the load to begin' })
  return {
    async finish (): Promise<LoadResult | undefined> {
      child.kill('SIGTERM')
      await once(child, 'close')
      return lines.at(-1)?.result
    }
  }
}

t.test('helm test: an order is published and applied', async (t) => {
  const { stdout } = await promisify(execFile)(process.execPath, [ORDER_FLOW], { env: { ...services, DEADLINE_MS: '30000' } })
  t.match(stdout, /order \S+ accepted\napplied after \d+ ms/)
})

t.test('the load of the end-to-end tests finds every order that it placed', async (t) => {
  const load = await startLoad(t, 'all-well', 60_000)
  await until(async () => {
    const response = await fetch(`${services.ORDER_CONSUMER}/customers/all-well/orders?limit=200`)
    return (await response.json() as { orders: unknown[] }).orders.length > 20
  }, { what: 'orders in the read model' })
  const result = await load.finish()
  t.match(result, { failures: 0, lost: 0, duplicates: 0, gaps: 0, deadLetters: 0 })
  t.ok((result?.events ?? 0) > (result?.orders ?? 0), 'some were confirmed')
})

t.test('without a relay both notice', async (t) => {
  system.relay.kill('SIGKILL')
  await system.relay.exited()
  const load = await startLoad(t, 'no-relay', 1_500)
  const result = await load.finish()
  t.ok((result?.lost ?? 0) > 0, `${result?.lost} of ${result?.orders} orders did not arrive`)

  const flow = await promisify(execFile)(process.execPath, [ORDER_FLOW], { env: { ...services, DEADLINE_MS: '1500' } }).catch((error: unknown) => error) as { code: number, stderr: string }
  t.equal(flow.code, 1)
  t.match(flow.stderr, /expected the order in the read model within 1500 ms/)
})
