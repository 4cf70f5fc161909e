import underPressure from '@fastify/under-pressure'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type pg from 'pg'
import { ProblemError } from './problem.ts'

/** How many requests may wait for each connection of the pool. More would only time out. */
const WAITING_PER_CONNECTION = 20
const RETRY_AFTER_S = 1

export interface OverloadOptions {
  /** The pool of the handlers. */
  pool: Pick<pg.Pool, 'waitingCount'>
  poolSize: number
}

/** Answers 503 at once if a request would only time out in the queue. Register it before the routes. */
export const overload = fp(async (app: FastifyInstance, { pool, poolSize }: OverloadOptions) => {
  await app.register(underPressure, {
    maxEventLoopDelay: 2_000,
    pressureHandler: () => { throw new ProblemError(503, 'overloaded', 'service overloaded', { retryAfter: RETRY_AFTER_S }) }
  })
  // Synchronous, and last before the handler. Checked earlier, a burst that arrives in one turn of the event loop would find an
  // empty queue, and all of it would pass.
  app.addHook('preHandler', (_request, _reply, done) => {
    const crowded = pool.waitingCount >= poolSize * WAITING_PER_CONNECTION
    done(crowded ? new ProblemError(503, 'overloaded', 'too many requests wait for the database', { retryAfter: RETRY_AFTER_S }) : undefined)
  })
}, { name: 'overload' })
