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

/** Closes the app: requests in flight are answered, idle connections closed, at the deadline all of them. */
export async function drainHttp (app: FastifyInstance, deadlineMs: number): Promise<void> {
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
