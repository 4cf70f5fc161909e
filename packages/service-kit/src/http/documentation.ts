import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import fp from 'fastify-plugin'
import type { FastifyInstance } from 'fastify'
import { Type, type TSchema } from 'typebox'

export interface DocumentationOptions {
  title: string
  version: string
  description: string
  tags: Array<{ name: string, description: string }>
  /** Serve the document and its page at `/docs`. */
  page: boolean
}

/** The OpenAPI document, made from the schemas of the routes, and its page at `/docs`. */
export const documentation = fp(async (app: FastifyInstance, { page, tags, ...info }: DocumentationOptions) => {
  app.addSchema(problemSchema)
  await app.register(swagger, {
    openapi: { openapi: '3.1.1', info: { ...info, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } }, tags },
    refResolver: { buildLocalReference: (json, _baseUri, _fragment, index) => typeof json.$id === 'string' ? json.$id : `def-${index}` }
  })
  if (page) await app.register(swaggerUi, { routePrefix: '/docs' })
}, { name: 'documentation' })

const problemSchema = Type.Object({
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

/** The problems of every route. Each route adds its own. */
export const commonProblems = {
  400: problemResponse('The request is malformed.'),
  500: problemResponse('An internal error.'),
  503: problemResponse('The service is overloaded, or its database is unavailable. Try again after `Retry-After` seconds.', retryAfterHeader)
}

/** The problems of methods that change something, and may have a body. */
export const bodyProblems = {
  403: problemResponse('A browser sent the request for a page of another site.'),
  413: problemResponse('The body is too large.'),
  415: problemResponse('The body is not JSON in UTF-8, or has a Content-Encoding.')
}

export const notFoundProblem = {
  404: problemResponse('There is no such order.'),
  414: problemResponse('The id is much too long.')
}
