import { Type } from 'typebox'
import { databaseTlsSettings } from './database-tls.ts'

const HOST = '^\\S+$'
/** Pattern of a name without blanks at its ends, which no one sees, and without control characters. */
export const PRINTABLE_NAME = '^[^\\s\\p{C}](?:[^\\p{C}]*[^\\s\\p{C}])?$'

const port = (value: number, description: string) => Type.Integer({ default: value, minimum: 0, maximum: 65_535, description })

export const postgresSettings = {
  DATABASE_URL: Type.String({
    pattern: '^postgres(ql)?://',
    format: 'database-url',
    description: 'The service\'s own database, as `postgres://user:password@host:port/database`, with one host. Write special characters of the password as %-escapes.'
  }),
  ...databaseTlsSettings,
  DATABASE_POOL_SIZE: Type.Integer({
    default: 10, minimum: 1, maximum: 200, description: 'Maximum number of connections to Postgres for the service\'s work. A few more for probes and housekeeping come on top (docs/operations.md, *Connections*).'
  })
}

export const httpSettings = {
  HTTP_HOST: Type.String({ pattern: HOST, default: '0.0.0.0', description: 'Address that the service listens on.' }),
  HTTP_PORT: port(3000, 'Port of the service. 0 takes a free port.')
}

export const opsSettings = {
  OPS_HOST: Type.String({ pattern: HOST, default: '0.0.0.0', description: 'Address of the ops port.' }),
  OPS_PORT: port(9090, 'Port of `/livez`, `/readyz` and `/metrics`. 0 takes a free port.')
}

export const logSettings = {
  LOG_LEVEL: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
    default: 'info', description: 'Lowest level that is logged. Log lines are JSON on standard output.'
  })
}

export const shutdownSettings = {
  SHUTDOWN_DELAY_MS: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 60_000,
    description: 'How long the service keeps serving after SIGTERM, not ready, in milliseconds: load balancers stop sending requests before it closes. From 2000 on, `Keep-Alive: timeout` tells HTTP clients not to reuse connections that were idle for that long. Use 10000 behind a Kubernetes Service.'
  }),
  SHUTDOWN_DEADLINE_MS: Type.Integer({
    default: 20_000,
    minimum: 100,
    maximum: 600_000,
    description: 'A shutdown that takes longer, counted from the end of SHUTDOWN_DELAY_MS, ends with exit code 1. In milliseconds; SHUTDOWN_DELAY_MS + SHUTDOWN_DEADLINE_MS < the pod\'s terminationGracePeriodSeconds × 1000.'
  })
}
