import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { until } from '@orders/testing/framework'
import { createHealth, createHttpApp, createLogger, createMetrics, drainHttp } from '@orders/service-kit'
import t, { type Test } from 'tap'

/** Far below the keep-alive timeout of 72 s. */
const PROMPT_MS = 3_000

async function listen (t: Test, { shutdownDelayMs = 0 } = {}) {
  const health = createHealth()
  const { registry } = createMetrics({ service: 'test' })
  const app = await createHttpApp({ logger: createLogger({ name: 'test', level: 'silent' }), health, registry, bodyLimitBytes: 100, shutdownDelayMs })
  const slow = Promise.withResolvers<void>()
  let slowBegun = false
  app.get('/quick', async () => 'quick')
  app.get('/slow', async () => {
    slowBegun = true
    await slow.promise
    return 'slow'
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const agent = new Agent({ keepAlive: true })
  t.teardown(async () => {
    slow.resolve()
    agent.destroy()
    await app.close()
  })
  const { port } = app.server.address() as AddressInfo
  const request = async (path: string): Promise<IncomingMessage> => {
    const [response] = await once(get({ host: '127.0.0.1', port, path, agent }), 'response') as [IncomingMessage]
    response.resume()
    await once(response, 'end')
    return response
  }
  return { app, health, request, endSlow: slow.resolve, slowBegun: () => until(() => slowBegun, { what: 'the slow request to begin' }), agent }
}

t.test('a request in flight is answered and ends its connection, an idle connection is closed at once', async (t) => {
  const { app, health, request, endSlow, slowBegun } = await listen(t)
  const slow = request('/slow')
  await slowBegun()
  t.equal((await request('/quick')).headers.connection, 'keep-alive', 'a connection that stays')
  health.draining = true
  const startedAt = performance.now()
  const drained = drainHttp(app, 60_000)
  endSlow()
  const response = await slow
  t.equal(response.statusCode, 200)
  t.equal(response.headers.connection, 'close')
  await drained
  t.ok(performance.now() - startedAt < PROMPT_MS, `drained after ${Math.round(performance.now() - startedAt)} ms`)
})

t.test('while draining, requests on a kept-alive connection are served', async (t) => {
  const { health, request } = await listen(t)
  await request('/quick')
  health.draining = true
  const response = await request('/quick')
  t.equal(response.statusCode, 200)
  t.equal(response.headers.connection, 'close')
})

t.test('at the deadline an unfinished request is cut off', async (t) => {
  const { app, health, request, slowBegun } = await listen(t)
  const sockets: Socket[] = []
  app.server.on('connection', (socket: Socket) => { sockets.push(socket) })
  const slow = request('/slow')
  slow.catch(() => {})
  await slowBegun()
  health.draining = true
  const startedAt = performance.now()
  await drainHttp(app, 200)
  t.ok(performance.now() - startedAt < PROMPT_MS, 'not by its socket\'s timeout')
  await t.rejects(slow, { code: 'ECONNRESET' })
  t.ok(sockets.every((socket) => socket.destroyed))
})

t.test('Keep-Alive: timeout is shorter than the shutdown delay', async (t) => {
  const hint = async (shutdownDelayMs: number) => {
    const { request, health } = await listen(t, { shutdownDelayMs })
    const { headers } = await request('/quick')
    health.draining = true
    const last = await request('/quick')
    return { reuse: headers['keep-alive'], connection: headers.connection, lastReuse: last.headers['keep-alive'], last: last.headers.connection }
  }
  t.same(await hint(10_000), { reuse: 'timeout=9', connection: 'keep-alive', lastReuse: undefined, last: 'close' })
  t.match(await hint(1_000), { reuse: 'timeout=72', connection: 'keep-alive', last: 'close' }, 'a short delay has no effect on the timeout')
})
