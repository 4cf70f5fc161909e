import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import fp from 'fastify-plugin'
import type { FastifyInstance } from 'fastify'
import { problemSchema } from './problem-responses.ts'

export { bodyProblems, commonProblems, notFoundProblem, problemResponse, retryAfterHeader } from './problem-responses.ts'

export interface DocumentationOptions {
  title: string
  version: string
  description: string
  tags: Array<{ name: string, description: string }>
  /** Serve the document and its page at `/docs`. */
  page: boolean
}

/** The OpenAPI document from the routes' schemas, and its page at `/docs`. */
export const documentation = fp(async (app: FastifyInstance, { page, tags, ...info }: DocumentationOptions) => {
  app.addSchema(problemSchema)
  await app.register(swagger, {
    openapi: { openapi: '3.1.1', info: { ...info, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } }, tags },
    refResolver: { buildLocalReference: (json, _baseUri, _fragment, index) => typeof json.$id === 'string' ? json.$id : `def-${index}` }
  })
  if (page) await app.register(swaggerUi, { routePrefix: '/docs' })
}, { name: 'documentation' })
