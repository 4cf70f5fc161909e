import { createHash } from 'node:crypto'
import { ProblemError, withTransaction } from '@orders/service-kit'
import type { FastifyRequest } from 'fastify'
import type pg from 'pg'
import { findAnswer, isAnsweredElsewhere, lockKey, storeAnswer } from './keys.ts'
import type { Order } from '../orders/schema.ts'

/** Set on an answer that was stored at an earlier time. */
export const REPLAYED_HEADER = 'idempotency-replayed'

export interface Answer {
  statusCode: number
  body: Order
}

/**
 * Carries a request out in one transaction, and at most once for each Idempotency-Key: the answer is stored in the same
 * transaction, so a client that did not get it (also: whose COMMIT was not answered) asks again with the same key.
 *
 * @returns the answer, and whether the work was done now, as opposed to answered from an earlier time
 * @throws ProblemError 409 while another request with the key is in flight, 422 when the key was used for another request
 */
export async function answerOnce (
  pool: pg.Pool, request: FastifyRequest, work: (client: pg.PoolClient) => Promise<Answer>
): Promise<{ done: boolean, answer: Answer }> {
  const key = request.headers['idempotency-key'] as string | undefined
  return withTransaction(pool, async (client) => {
    if (key === undefined) return { done: true, answer: await work(client) }
    const requestHash = hashOf(request)
    // Sent together, carried out one after the other: with the lock, nobody else can store an answer after we looked for it.
    const [locked, stored] = await Promise.all([lockKey(client, key), findAnswer(client, key)])
    if (!locked) throw inFlight()
    if (stored !== undefined) {
      if (stored.requestHash !== requestHash) {
        throw new ProblemError(422, 'idempotency-key-reused', 'this Idempotency-Key was used for another request')
      }
      return { done: false, answer: { statusCode: stored.statusCode, body: stored.response } }
    }
    const answer = await work(client)
    await storeAnswer(client, key, { requestHash, statusCode: answer.statusCode, response: answer.body })
    return { done: true, answer }
  }).catch((error: unknown) => {
    // While versions are mixed that lock a key in different ways, the table has the last word, and nothing else is stored.
    throw isAnsweredElsewhere(error) ? inFlight() : error
  })
}

function inFlight (): ProblemError {
  return new ProblemError(409, 'request-in-flight', 'a request with this Idempotency-Key is still in flight', { retryAfter: 1 })
}

function hashOf ({ method, url, body }: FastifyRequest): string {
  return createHash('sha256').update(JSON.stringify([method, url, body ?? null])).digest('base64url')
}
