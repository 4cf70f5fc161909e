import { createHash } from 'node:crypto'
import { ProblemError, withTransaction } from '@orders/service-kit'
import type { FastifyRequest } from 'fastify'
import type pg from 'pg'
import { findAnswer, isAnsweredElsewhere, lockKey, storeAnswer } from './keys.ts'
import type { Order } from '../schemas/order.ts'

/** Marks the stored answer of an earlier request. */
export const REPLAYED_HEADER = 'idempotency-replayed'

export interface Answer {
  statusCode: number
  body: Order
}

export interface IdempotentResult {
  /** Whether the work was done now. If not, `answer` is the stored answer of an earlier request. */
  done: boolean
  answer: Answer
}

/**
 * Runs `work` in one transaction, and commits it at most once for each Idempotency-Key. The same transaction stores the
 * answer. A client without an answer, even one whose COMMIT was not answered, sends the request again with the same key.
 *
 * @throws ProblemError 409 while another request with the key is in flight, 422 if the key was used for another request
 */
export async function withIdempotency (
  pool: pg.Pool, request: FastifyRequest, work: (transaction: pg.PoolClient) => Promise<Answer>
): Promise<IdempotentResult> {
  const key = request.headers['idempotency-key'] as string | undefined
  return withTransaction(pool, async (transaction) => {
    if (key === undefined) return { done: true, answer: await work(transaction) }
    const requestHash = hashOf(request)
    // Sent together; Postgres runs them in this order. While we hold the lock, no other transaction stores an answer.
    const [locked, stored] = await Promise.all([lockKey(transaction, key), findAnswer(transaction, key)])
    if (!locked) throw inFlight()
    if (stored !== undefined) {
      if (stored.requestHash !== requestHash) {
        throw new ProblemError(422, 'idempotency-key-reused', 'this Idempotency-Key was used for another request')
      }
      return { done: false, answer: { statusCode: stored.statusCode, body: stored.response } }
    }
    const answer = await work(transaction)
    await storeAnswer(transaction, key, { requestHash, statusCode: answer.statusCode, response: answer.body })
    return { done: true, answer }
  }).catch((error: unknown) => {
    // During a rolling update two versions may lock a key in different ways. Then the primary key of the table decides.
    throw isAnsweredElsewhere(error) ? inFlight() : error
  })
}

function inFlight (): ProblemError {
  return new ProblemError(409, 'request-in-flight', 'a request with this Idempotency-Key is still in flight', { retryAfter: 1 })
}

function hashOf ({ method, url, body }: FastifyRequest): string {
  return createHash('sha256').update(JSON.stringify([method, url, body ?? null])).digest('base64url')
}
