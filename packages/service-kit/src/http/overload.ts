import underPressure from '@fastify/under-pressure'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type pg from 'pg'
import { ProblemError } from './problem.ts'

/** Requests that may wait for a connection, for each connection of the pool: more would only wait for their timeout. */
const WAITING_PER_CONNECTION = 20
const RETRY_AFTER_S = 1

export interface OverloadOptions {
  /** The pool that the handlers take their connections from. */
  pool: Pick<pg.Pool, 'waitingCount'>
  poolSize: number
}

/** Answers 503 at once where waiting would end with one anyway. Register it before the routes. */
export const overload = fp(async (app: FastifyInstance, { pool, poolSize }: OverloadOptions) => {
  await app.register(underPressure, {
    maxEventLoopDelay: 2_000,
    pressureHandler: () => { throw new ProblemError(503, 'overloaded', 'service overloaded', { retryAfter: RETRY_AFTER_S }) }
  })
  // Last before the handler, and synchronous: asked any earlier, a burst that arrives in one turn of the event loop would
  // find nobody waiting yet, and pass as a whole.
  app.addHook('preHandler', (_request, _reply, done) => {
    const crowded = pool.waitingCount >= poolSize * WAITING_PER_CONNECTION
    done(crowded ? new ProblemError(503, 'overloaded', 'too many requests wait for the database', { retryAfter: RETRY_AFTER_S }) : undefined)
  })
}, { name: 'overload' })
