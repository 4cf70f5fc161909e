import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { until } from '@orders/testing/framework'
import { createHealth, createHttpApp, createLogger, createMetrics, createOpsServer } from '@orders/service-kit'
import t, { type Test } from 'tap'
import { listen, open } from './raw-http.ts'

/** The deadline is 10 s. Node's defaults would give 60 to 90 s. A busy machine may add a little. */
const DEADLINE_MS = 30_000
const DRIP_MS = 100

async function servers (t: Test, options: { exchangeDeadlineMs?: number } = {}): Promise<{ http: number, ops: number, connections: () => Promise<number> }> {
  const { registry } = createMetrics({ service: 'test' })
  const health = createHealth()
  const app = await createHttpApp({ logger: createLogger({ name: 'test', level: 'silent' }), health, registry, bodyLimitBytes: 100_000, ...options })
  app.post('/things', async () => 'a thing')
  app.get('/large', async () => 'x'.repeat(20_000_000))
  return {
    http: await listen(t, app),
    ops: await listen(t, createOpsServer({ health, registry })),
    connections: () => new Promise((resolve, reject) => {
      app.server.getConnections((error, count) => { if (error === null) resolve(count); else reject(error) })
    })
  }
}

/** Sends a byte from time to time, so that the connection never looks idle. */
async function drip (socket: Socket, byte: string): Promise<void> {
  while (!socket.destroyed && socket.writable) {
    socket.write(byte)
    await delay(DRIP_MS)
  }
}

/** Resolves when the server has ended the connection, with the answer and the duration. */
async function untilClosed (socket: Socket): Promise<{ text: string, ms: number }> {
  const startedAt = performance.now()
  let text = ''
  socket.on('data', (chunk: string) => { text += chunk })
  await until(() => socket.closed, { what: 'the server to end the connection', deadlineMs: 120_000 })
  return { text, ms: performance.now() - startedAt }
}

t.test('a request must arrive within seconds, also when only a part of it is slow', async (t) => {
  const { http, ops } = await servers(t)
  const post = 'POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
  const cases: Array<[name: string, begin: string, byte: string]> = [
    ['nothing', '', ''],
    ['headers', 'GET /livez HTTP/1.1\r\nHost: x\r\nX: ', 'x'],
    ['headers after a whole request', 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /livez HTTP/1.1\r\nX: ', 'x'],
    ['a body of a known length', `${post}Content-Length: 90000\r\n\r\n`, ' '],
    ['a body of chunks', `${post}Transfer-Encoding: chunked\r\n\r\n`, '1\r\n \r\n'],
    ['a body that is not read', 'GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n', ' ']
  ]
  await Promise.all([http, ops].flatMap((port) => cases.map(async ([name, begin, byte]) => {
    const socket = open(t, port)
    const closed = untilClosed(socket)
    if (begin !== '') socket.write(begin)
    if (byte !== '') drip(socket, byte).catch(() => {})
    const { text, ms } = await closed
    t.ok(ms < DEADLINE_MS, `${name}: ${Math.round(ms)} ms`)
    const answers = text.match(/HTTP\/1.1 \d+/g) ?? []
    // Only an unanswered request gets the 408.
    if (name === 'a body that is not read' || port === ops) t.notMatch(answers.slice(0, -1).join(), /408/, name)
    else t.match(answers.at(-1), /408/, `${name}: ${JSON.stringify(text)}`)
  })))
})

t.test('a client that reads slowly, or not at all, is disconnected', async (t) => {
  const { http, connections } = await servers(t, { exchangeDeadlineMs: 2_000 })
  const clients = [{ bytesAtOnce: 0, requests: 1 }, { bytesAtOnce: 1_000, requests: 1 }, { bytesAtOnce: 1_000, requests: 5 }].map(({ bytesAtOnce, requests }) => {
    const socket = open(t, http)
    socket.pause()
    socket.write('GET /large HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(requests))
    return () => { if (bytesAtOnce > 0) socket.read(bytesAtOnce) }
  })
  await until(async () => await connections() === 3, { what: 'three connections' })
  await until(async () => {
    for (const read of clients) read()
    return await connections() === 0
  }, { what: 'the server to have ended them', deadlineMs: 60_000 })
})
