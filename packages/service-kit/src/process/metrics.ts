import fp from 'fastify-plugin'
import type { FastifyInstance } from 'fastify'
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type pg from 'pg'

export interface Metrics {
  registry: Registry
}

/** A registry with the metrics of the process; every series carries the name of the service. */
export function createMetrics ({ service }: { service: string }): Metrics {
  const registry = new Registry()
  registry.setDefaultLabels({ service })
  collectDefaultMetrics({ register: registry })
  return { registry }
}

/** Connections of a pool, or of several by their names: all, idle, and callers that wait for one. */
export function poolMetrics (registry: Registry, pools: pg.Pool | Record<string, pg.Pool>): void {
  const named = 'totalCount' in pools ? { all: pools as pg.Pool } : pools
  const gauge = new Gauge({
    name: 'postgres_pool_connections',
    help: 'Connections of the pool by state; waiting: callers without one',
    labelNames: ['pool', 'state'],
    registers: [registry],
    collect () {
      for (const [name, pool] of Object.entries(named)) {
        gauge.set({ pool: name, state: 'total' }, pool.totalCount)
        gauge.set({ pool: name, state: 'idle' }, pool.idleCount)
        gauge.set({ pool: name, state: 'waiting' }, pool.waitingCount)
      }
    }
  })
}

/** Duration of requests by route (the pattern, not the URL: ids would make a series each), method and status. */
export const httpMetrics = fp(async (app: FastifyInstance, { registry }: { registry: Registry }) => {
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Duration of HTTP requests',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry]
  })
  app.addHook('onResponse', async (request, reply) => {
    const labels = { method: request.method, route: request.routeOptions.url ?? 'none', status: String(reply.statusCode) }
    duration.observe(labels, reply.elapsedTime / 1_000)
  })
}, { name: 'http-metrics' })
