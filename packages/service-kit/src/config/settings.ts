import { Type } from 'typebox'
import { databaseTlsSettings } from '../postgres/database-tls.ts'

const port = (value: number, description: string) => Type.Integer({ default: value, minimum: 0, maximum: 65_535, description })

export const postgresSettings = {
  DATABASE_URL: Type.String({
    pattern: '^postgres(ql)?://',
    format: 'database-url',
    description: 'The service\'s own database, as `postgres://user:password@host:port/database`; special characters of the password as %-escapes, one host.'
  }),
  ...databaseTlsSettings,
  DATABASE_POOL_SIZE: Type.Integer({
    default: 10, minimum: 1, maximum: 200, description: 'Connections to Postgres for its work, at most. A few more, for probes and the like, come on top (docs/operations.md, *Connections*).'
  })
}

export const httpSettings = {
  HTTP_HOST: Type.String({ default: '0.0.0.0', description: 'Address that the service listens on.' }),
  HTTP_PORT: port(3000, 'Port of the service; 0 takes a free one.')
}

export const opsSettings = {
  OPS_HOST: Type.String({ default: '0.0.0.0', description: 'Address of the ops port.' }),
  OPS_PORT: port(9090, 'Ops port (`/livez`, `/readyz`, `/metrics`); 0 takes a free one.')
}

export const logSettings = {
  LOG_LEVEL: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
    default: 'info', description: 'What is logged, to standard output, as JSON lines.'
  })
}

export const shutdownSettings = {
  SHUTDOWN_DELAY_MS: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 60_000,
    description: 'After SIGTERM the service goes on this long, not ready, so that nobody sends to it any more when it closes. From 2000 on, HTTP clients are told to reuse no connection that was idle for as long (`Keep-Alive: timeout`). 10000 is right behind a Kubernetes Service.'
  }),
  SHUTDOWN_DEADLINE_MS: Type.Integer({
    default: 20_000,
    minimum: 100,
    maximum: 600_000,
    description: 'A drain that takes longer, from the end of SHUTDOWN_DELAY_MS, ends with exit code 1. Both together stay below the pod\'s terminationGracePeriodSeconds.'
  })
}
