import { Type, type TSchema } from 'typebox'

export const problemSchema = Type.Object({
  type: Type.String({ description: 'See docs/problems.md.' }),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  instance: Type.String(),
  requestId: Type.String(),
  errors: Type.Optional(Type.Array(Type.Object({ in: Type.String(), pointer: Type.String(), detail: Type.String() })))
}, { $id: 'Problem', title: 'Problem', description: 'RFC 9457', additionalProperties: true })

export const retryAfterHeader = { 'retry-after': Type.Integer({ description: 'Seconds to wait before the same request may succeed.' }) }

export const problemResponse = (description: string, headers?: Record<string, TSchema>) => ({
  description, ...(headers === undefined ? {} : { headers }), content: { 'application/problem+json': { schema: Type.Ref('Problem') } }
})

/** Every route's answers for what can go wrong; each route adds its own. */
export const commonProblems = {
  400: problemResponse('The request is malformed.'),
  500: problemResponse('Something went wrong here.'),
  503: problemResponse('Not now: overloaded, or the database is away. Try again after `Retry-After` seconds.', retryAfterHeader)
}

/** Of the methods that change something, and may have a body. */
export const bodyProblems = {
  403: problemResponse('A browser sent this for a page of another site.'),
  413: problemResponse('The body is too large.'),
  415: problemResponse('The body is not JSON in UTF-8, or is encoded.')
}

export const notFoundProblem = {
  404: problemResponse('There is no such order.'),
  414: problemResponse('The id is much longer than one.')
}
