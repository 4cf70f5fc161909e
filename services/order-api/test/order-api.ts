import { setTimeout as delay } from 'node:timers/promises'
import { testDatabase, TcpProxy, type TestDatabase } from '@orders/testing/framework'
import { createHealth, createLogger, createMetrics } from '@orders/service-kit'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import pg from 'pg'
import type { Test } from 'tap'
import { buildApp } from '../src/app.ts'
import { loadOrderApiConfig } from '../src/config.ts'
import type { Order } from '../src/schemas/order.ts'
import { assertDescribed } from './described.ts'
import { Evidence } from './evidence.ts'

/** The service's `Retry-After`. */
export const RETRY_AFTER_MS = 1_000

export interface OrderApi {
  app: FastifyInstance
  /** The content of the database, read as superuser. */
  evidence: Evidence
  /** Sends a request without a socket, and checks the answer against openapi.json. */
  request: (request: InjectOptions) => Promise<LightMyRequestResponse>
  create: (fields?: { customerId?: string, headers?: Record<string, string> }) => Promise<LightMyRequestResponse>
  change: (action: string, id: string, headers?: Record<string, string>) => Promise<LightMyRequestResponse>
}

export interface OrderApiOptions {
  env?: Record<string, string>
  database?: TestDatabase
  /** A proxy between the service and its database. */
  proxy?: TcpProxy
  /** With its own timeouts, the service could give up on a slow machine before the test releases a lock. */
  timeouts?: 'own' | 'patient' | 'short'
}

/** The app with its own database, not listening. */
export async function orderApi (t: Test, { env = {}, database, proxy, timeouts = 'own' }: OrderApiOptions = {}): Promise<OrderApi> {
  const { ownerUrl, url } = database ?? await testDatabase(t, { service: 'order-api' })
  const app = await buildApp({
    config: loadOrderApiConfig({ DATABASE_URL: databaseUrl(url('order_api'), { proxy, timeouts }), ...env }),
    logger: createLogger({ name: 'order-api', level: 'silent' }),
    health: createHealth(),
    registry: createMetrics({ service: 'order-api' }).registry
  })
  t.teardown(() => app.close())
  const request = async (options: InjectOptions) => {
    const response = await injectWithRetry(app, options)
    assertDescribed(t, {
      method: options.method ?? 'GET',
      path: String(options.url),
      status: response.statusCode,
      header: (name) => response.headers[name]?.toString(),
      body: response.payload
    })
    return response
  }
  return {
    app,
    evidence: evidenceOf(t, ownerUrl),
    request,
    create: ({ customerId = 'customer-1', headers = {} } = {}) => request({ method: 'POST', url: '/orders', headers, payload: { customerId } }),
    change: (action, id, headers = {}) => request({ method: 'POST', url: `/orders/${id}/${action}`, headers })
  }
}

/** Retries when the service sheds load, which happens on a busy machine before a request is processed. */
async function injectWithRetry (app: FastifyInstance, options: InjectOptions): Promise<LightMyRequestResponse> {
  for (;;) {
    const response = await app.inject(options)
    if (!isShed(response.statusCode, response.payload)) return response
    await delay(RETRY_AFTER_MS)
  }
}

/** Load shedding by the event loop. Tests fill the queue for the database on purpose, so a full queue does not count. */
export function isShed (status: number, body: string): boolean {
  return status === 503 && body.includes('urn:problem:overloaded') && !body.includes('wait for the database')
}

export function orderOf (response: LightMyRequestResponse): Order {
  return response.json()
}

export function evidenceOf (t: Test, ownerUrl: string): Evidence {
  const pool = new pg.Pool({ connectionString: ownerUrl, max: 4 })
  pool.on('error', () => {})
  t.teardown(() => pool.end())
  return new Evidence(pool)
}

/** A proxy in front of a server, closed with the test. */
export async function proxyOf (t: Test, url: string): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(new URL(url).host)
  t.teardown(() => proxy.close())
  return proxy
}

/** The URL for the service. Timeouts in the URL override the service's own. */
export function databaseUrl (url: string, { proxy, timeouts }: { proxy?: TcpProxy | undefined, timeouts: OrderApiOptions['timeouts'] }): string {
  const changed = new URL(url)
  if (proxy !== undefined) changed.host = proxy.address
  if (timeouts === 'patient') for (const name of ['lock_timeout', 'statement_timeout', 'query_timeout']) changed.searchParams.set(name, '60000')
  if (timeouts === 'short') changed.searchParams.set('query_timeout', '1000')
  return changed.href
}
