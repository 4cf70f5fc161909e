import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

const CLOSE_IDLE_EVERY_MS = 100

/**
 * Makes every answer given while draining end its connection. Call it before the app is ready.
 *
 * A request that is in flight when the server closes would else end with `keep-alive`, and its socket keep the server
 * open for the keep-alive time-out of 72 seconds: longer than a pod may take to end.
 */
export function closeConnectionsWhileDraining (app: FastifyInstance, isDraining: () => boolean): void {
  app.addHook('onSend', async (_request, reply) => {
    if (isDraining()) reply.header('connection', 'close')
  })
}

/**
 * Tells clients to reuse an idle connection for less time than the service goes on after SIGTERM. Call it before the app is ready.
 *
 * A connection without a request during the whole `SHUTDOWN_DELAY_MS` never hears `connection: close`. The server closes it when
 * the delay is over, and a client that sends a request just then gets none answered. A client that heeds `Keep-Alive: timeout`
 * (fetch and undici always, Node's agent if it has a time-out, Apache's) has given such a connection up by then. The server's own time-out stays longer, for load
 * balancers that heed nothing.
 */
export function limitReuse (app: FastifyInstance, shutdownDelayMs: number): void {
  // A second less, for the way; clients take off one more.
  const seconds = Math.floor(shutdownDelayMs / 1_000) - 1
  if (seconds < 1) return
  app.addHook('onSend', async (request, reply) => {
    if (!reply.hasHeader('connection') && request.headers.connection !== 'close') reply.header('keep-alive', `timeout=${seconds}`)
  })
}

/** Closes the app: requests in flight are answered, idle connections closed, at the deadline all of them. */
export async function drainHttp (app: FastifyInstance, deadlineMs: number): Promise<void> {
  // A request that has arrived, and was not read because the process was busy, sits on a connection that looks idle.
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
