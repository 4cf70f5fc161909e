import { freePort } from '@orders/testing/servers'
import { ServiceProcess, testDatabase, until } from '@orders/testing/framework'
import { postAll } from '../http-load.ts'
import { percentile } from '../measure/percentiles.ts'
import type { Bench, Case, Scenario } from '../scenario.ts'
import { nodeInserts, pgbenchExists, pgbenchInserts } from '../two-inserts.ts'

const CONNECTIONS = 32

export const api: Scenario = {
  title: 'Accepting orders',
  method: `\`POST /orders\` from ${CONNECTIONS} connections at the maximum rate, compared with the same two inserts in one transaction without any service: by pgbench with prepared statements (if it is on the PATH), and by a bare Node process. order-api logs warnings only, because the process that makes the load reads its log. All processes share the machine, the load generators included.`,
  async run (bench) {
    const load = { connections: CONNECTIONS, seconds: bench.quick ? 2 : 20 }
    const cases: Case[] = []
    const bare = await nodeInserts({ ...load, url: await database(bench) })
    let reference = bare
    if (await pgbenchExists()) {
      reference = await pgbenchInserts({ ...load, url: await database(bench) })
      cases.push({ name: 'pgbench', figures: [{ name: 'rate', value: reference, unit: 'orders/s' }] })
    }
    cases.push({ name: 'bare Node process', figures: [{ name: 'rate', value: bare, unit: 'orders/s' }] })
    cases.push(await postOrders(bench, load, reference))
    return cases
  }
}

async function postOrders (bench: Bench, load: { connections: number, seconds: number }, reference: number): Promise<Case> {
  const port = await freePort()
  const service = new ServiceProcess('order-api', { DATABASE_URL: await database(bench), HTTP_HOST: '127.0.0.1', HTTP_PORT: String(port), LOG_LEVEL: 'warn' }, undefined, { built: true })
  bench.scope.teardown(async () => {
    service.kill('SIGKILL')
    await service.exited()
  })
  // At this log level it does not report that it listens.
  await service.start(false)
  const http = `http://127.0.0.1:${port}`
  await until(() => fetch(`${http}/orders`), { what: 'order-api to answer' })
  const orders = { ...load, url: `${http}/orders`, body: '{"customerId":"customer-1"}' }
  await postAll({ ...orders, seconds: bench.quick ? 1 : 5 })
  const { perSecond, timesMs } = await postAll(orders)
  return {
    name: 'order-api',
    figures: [
      { name: 'rate', value: perSecond, unit: 'orders/s' },
      { name: 'of the inserts alone', value: perSecond / reference * 100, unit: '%', goal: { atLeast: 70 } },
      { name: 'p50', value: percentile(timesMs, 0.5), unit: 'ms' },
      { name: 'p99', value: percentile(timesMs, 0.99), unit: 'ms' }
    ]
  }
}

async function database ({ scope, postgres }: Bench): Promise<string> {
  return (await testDatabase(scope, { service: 'order-api', server: postgres })).url('order_api')
}
