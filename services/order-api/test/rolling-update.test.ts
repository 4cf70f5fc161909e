import { once } from 'node:events'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { startService, testDatabase, until } from '@orders/testing/framework'
import t, { type Test } from 'tap'
import { databaseUrl } from './order-api.ts'

const CLIENTS = 40
const SHUTDOWN_DELAY_MS = 4_000
/** How long new connections still reach a replica after SIGTERM: the endpoints of a Service are updated with a delay. */
const ENDPOINTS_LAG_MS = 1_500
/** Latency: makes it likely that a connection closes while a request is in flight. */
const LATENCY_MS = 100
/** Longer than the shutdown delay: some connections have no request during the whole delay. */
const MAX_PAUSE_MS = 6_000

/** Like a Kubernetes Service: each connection goes to one replica, and stays there. */
class Balancer {
  replicas: string[] = []
  readonly #server = createServer({ allowHalfOpen: true }, (client) => { this.#accept(client) })
  #next = 0

  static async start (t: Test): Promise<Balancer> {
    const balancer = new Balancer()
    await once(balancer.#server.listen(0, '127.0.0.1'), 'listening')
    t.teardown(() => { balancer.#server.close() })
    return balancer
  }

  get port (): number {
    return (this.#server.address() as AddressInfo).port
  }

  #accept (client: Socket): void {
    const { hostname, port } = new URL(this.replicas[this.#next++ % this.replicas.length] ?? '')
    const replica = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
    for (const [from, to] of [[client, replica], [replica, client]] as const) {
      from.on('error', () => { setTimeout(() => { to.destroy() }, LATENCY_MS) })
      from.on('data', (chunk) => { setTimeout(() => { if (!to.destroyed) to.write(chunk) }, LATENCY_MS) })
      from.on('end', () => { setTimeout(() => { to.end() }, LATENCY_MS) })
    }
  }
}

/** Sends one request on the client's kept-alive connection. A 503 counts as an answer: the machine may be busy. @returns the error, if there is one */
async function place (agent: Agent, port: number): Promise<string | undefined> {
  const call = httpRequest({ host: '127.0.0.1', port, agent, method: 'POST', path: '/orders', headers: { 'content-type': 'application/json' } })
  call.end('{"customerId":"rolling"}')
  try {
    const [response] = await once(call, 'response') as [IncomingMessage]
    response.resume()
    await once(response, 'end')
    return response.statusCode === 201 || response.statusCode === 503 ? undefined : `status ${response.statusCode}`
  } catch (error) {
    return `${(error as NodeJS.ErrnoException).code} on a ${call.reusedSocket ? 'kept' : 'new'} connection`
  }
}

t.test('rolling update under load: no request on a kept-alive connection is lost', async (t) => {
  const { url } = await testDatabase(t, { service: 'order-api' })
  const env = { DATABASE_URL: databaseUrl(url('order_api'), { timeouts: 'patient' }), SHUTDOWN_DELAY_MS: String(SHUTDOWN_DELAY_MS) }
  const [first, second] = await Promise.all([startService(t, 'order-api', env), startService(t, 'order-api', env)])
  const balancer = await Balancer.start(t)
  balancer.replicas = [first.http, second.http]

  const stop = new AbortController()
  let answered = 0
  let endsAt = Infinity
  const failures: string[] = []
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    // Node's agent follows the server's timeout only if it has its own. fetch always does.
    const agent = new Agent({ keepAlive: true, maxSockets: 1, timeout: 60_000 })
    for (let round = 0; !stop.signal.aborted; round++) {
      const failure = await place(agent, balancer.port)
      answered++
      if (failure !== undefined) failures.push(`${failure}, ${Math.round(performance.now() - endsAt)} ms after SIGTERM`)
      // Different pauses: some of them end just when the replica ends.
      await delay((client * 157 + round * 421) % MAX_PAUSE_MS, undefined, { signal: stop.signal }).catch(() => {})
    }
    agent.destroy()
  })
  await until(() => answered > CLIENTS, { what: 'every client to have a connection', deadlineMs: 60_000 })
  endsAt = performance.now()
  first.kill('SIGTERM')
  await delay(ENDPOINTS_LAG_MS)
  balancer.replicas = [second.http]
  t.equal(await first.exited(), 0, 'it ended by itself')
  const after = answered
  await until(() => answered > after + CLIENTS, { what: 'every client to have gone on', deadlineMs: 60_000 })
  stop.abort()
  await Promise.all(clients)
  t.same(failures, [], `${answered} requests, none without its answer`)
})
