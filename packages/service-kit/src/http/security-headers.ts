import helmet from '@fastify/helmet'
import fp from 'fastify-plugin'
import type { FastifyInstance } from 'fastify'

/**
 * What tells a browser to make nothing of an answer but what it says it is. Nothing here is about TLS, which the services do
 * not speak: told to upgrade, a browser would ask for the page's own files by HTTPS and find none, and HSTS is for the host's
 * gateway to promise.
 */
export const securityHeaders = fp(async (app: FastifyInstance) => {
  await app.register(helmet, { hsts: false, contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } } })
}, { name: 'security-headers' })
