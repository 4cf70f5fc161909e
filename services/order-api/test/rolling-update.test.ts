import { once } from 'node:events'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { startService, testDatabase, until } from '@orders/testing/framework'
import t, { type Test } from 'tap'
import { databaseUrl } from './order-api.ts'

const CLIENTS = 40
const SHUTDOWN_DELAY_MS = 4_000
/** How long new connections still lead to a replica that is told to end: a Service's endpoints follow with a delay. */
const ENDPOINTS_LAG_MS = 1_500
/** Makes the moment in which a connection closes and a request is on its way long enough to be met. */
const LATENCY_MS = 100
/** Longer than the service goes on: some connections have no request in all that time. */
const MAX_PAUSE_MS = 6_000

/** As a Service of Kubernetes: each connection goes to one replica, and stays with it, whatever becomes of the replica. */
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

/** A client with a kept-alive connection of its own asks once. A 503 is an answer too: of a busy machine. @returns what went wrong */
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

t.test('a replica is replaced under load: no request on a kept-alive connection is cut', async (t) => {
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
    // Only with a time-out of its own does Node's agent heed the server's; fetch always does.
    const agent = new Agent({ keepAlive: true, maxSockets: 1, timeout: 60_000 })
    for (let round = 0; !stop.signal.aborted; round++) {
      const failure = await place(agent, balancer.port)
      answered++
      if (failure !== undefined) failures.push(`${failure}, ${Math.round(performance.now() - endsAt)} ms after SIGTERM`)
      // Every pause occurs, whatever the moment of the end.
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
