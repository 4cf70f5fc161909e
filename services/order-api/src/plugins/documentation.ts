import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import fp from 'fastify-plugin'
import type { FastifyInstance } from 'fastify'

/** The OpenAPI document from the routes' schemas, and its page at `/docs`. */
export default fp(async (app: FastifyInstance, { page }: { page: boolean }) => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.1',
      info: {
        title: 'order-api',
        version: '0.1.0',
        description: 'Orders, written with their events in one transaction.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' }
      },
      tags: [{ name: 'orders', description: 'Orders and their changes.' }]
    },
    refResolver: { buildLocalReference: (json, _baseUri, _fragment, index) => typeof json.$id === 'string' ? json.$id : `def-${index}` }
  })
  if (page) await app.register(swaggerUi, { routePrefix: '/docs' })
}, { name: 'documentation' })
