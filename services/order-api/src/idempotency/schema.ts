// The OpenAPI description of the Idempotency-Key, for every route that accepts one.
import { problemResponse, retryAfterHeader } from '@orders/service-kit/documentation'
import { Type } from 'typebox'

export const idempotencyHeadersSchema = Type.Object({
  'idempotency-key': Type.Optional(Type.String({
    minLength: 1,
    maxLength: 255,
    pattern: '^[\\x21-\\x7e]+$',
    description: 'A request that is repeated with the same key takes effect once, and gets the same answer again.'
  }))
})

export const replayedHeader = {
  'idempotency-replayed': Type.String({ enum: ['true'], description: 'The stored answer of an earlier request with this key.' })
}

export const idempotencyProblems = {
  409: problemResponse('A request with this Idempotency-Key is still in flight, or the order\'s status does not allow this.', retryAfterHeader),
  422: problemResponse('This Idempotency-Key was used for another request.')
}
