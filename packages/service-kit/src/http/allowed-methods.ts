import type { FastifyInstance, HTTPMethods } from 'fastify'

/** The methods that have a route for this path. */
export function allowedMethods (app: FastifyInstance, path: string): string[] {
  return app.supportedMethods.filter((method) => app.findRoute({ method: method as HTTPMethods, url: path }) !== null).sort()
}
