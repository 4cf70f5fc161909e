import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

const CLOSE_IDLE_EVERY_MS = 100

/**
 * While draining, sends `connection: close` with every answer. Call it before the app is ready.
 *
 * Otherwise a request in flight would end with `keep-alive`. Its socket would keep the server open for the keep-alive timeout of
 * 72 seconds, which is longer than the grace period of a pod.
 */
export function closeConnectionsWhileDraining (app: FastifyInstance, isDraining: () => boolean): void {
  app.addHook('onSend', async (_request, reply) => {
    if (isDraining()) reply.header('connection', 'close')
  })
}

/**
 * Sends `Keep-Alive: timeout`, a little shorter than `SHUTDOWN_DELAY_MS`. Call it before the app is ready.
 *
 * A connection without a request during that delay never gets `connection: close`. The server closes it after the delay, and a
 * request that a client sends at that moment is lost. Clients that follow `Keep-Alive: timeout` (fetch and undici always, Node's
 * agent if it has a timeout, Apache's) no longer use such a connection by then. The server's own timeout stays longer, for load
 * balancers that ignore the header.
 */
export function limitReuse (app: FastifyInstance, shutdownDelayMs: number): void {
  // One second less, for the latency. Clients subtract another one.
  const seconds = Math.floor(shutdownDelayMs / 1_000) - 1
  if (seconds < 1) return
  app.addHook('onSend', async (request, reply) => {
    if (!reply.hasHeader('connection') && request.headers.connection !== 'close') reply.header('keep-alive', `timeout=${seconds}`)
  })
}

/** Closes the app: answers requests in flight, closes idle connections, and at the deadline closes all connections. */
export async function drainHttp (app: FastifyInstance, deadlineMs: number): Promise<void> {
  // A busy process may not have read a request that has arrived. Its connection would look idle.
  await nextTurn()
  await nextTurn()
  const idle = setInterval(() => { app.server.closeIdleConnections() }, CLOSE_IDLE_EVERY_MS)
  const deadline = setTimeout(() => { app.server.closeAllConnections() }, deadlineMs)
  try {
    app.server.closeIdleConnections()
    await app.close()
  } finally {
    clearInterval(idle)
    clearTimeout(deadline)
  }
}
