import { readdir } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import type { Logger } from 'pino'
import { Type, type Static } from 'typebox'
import { configOrExit } from '../config/config-error.ts'
import { loadConfig } from '../config/config.ts'
import { connectionOptions, connectWithRetry } from './connection.ts'
import { databaseTlsSettings, withDatabaseTls } from '../config/database-tls.ts'
import { endOnSigterm, failJob, JobError } from './job.ts'
import { createLogger } from '../process/logger.ts'
import { logSettings, postgresSettings } from '../config/settings.ts'

const PAUSE_MS = 1_000

const UNDEFINED_TABLE = '42P01'
const INSUFFICIENT_PRIVILEGE = '42501'

export const awaitSchemaSettings = Type.Object({
  DATABASE_URL: postgresSettings.DATABASE_URL,
  ...databaseTlsSettings,
  ...logSettings,
  AWAIT_SCHEMA_DEADLINE_MS: Type.Integer({
    default: 600_000, minimum: 0, maximum: 3_600_000, description: 'How long to wait for the schema, in milliseconds. After that the job ends with exit code 1.'
  })
})

export interface AwaitSchemaOptions {
  name: string
  /** The folder that the migration job applies. */
  directory: string
}

/**
 * Waits until every migration of `directory` has been applied. A pod runs it before its service, because a service fails on a
 * schema older than itself. A newer schema is fine. It connects with the service's own role, which can log in only after the
 * migration job has set its password. A failure is one log line and exit code 1.
 */
export async function awaitSchema ({ name, directory }: AwaitSchemaOptions): Promise<void> {
  endOnSigterm()
  const config = configOrExit(`${name}-await-schema`, () => withDatabaseTls(loadConfig(awaitSchemaSettings, { prefixes: ['AWAIT_SCHEMA_'] })))
  const logger = createLogger({ name: `${name}-await-schema`, level: config.LOG_LEVEL })
  try {
    await untilMigrated(config, { name, directory }, logger)
  } catch (error) {
    failJob(error, logger, 'the wait for the schema failed')
  }
}

async function untilMigrated (config: Static<typeof awaitSchemaSettings>, { name, directory }: AwaitSchemaOptions, logger: Logger): Promise<void> {
  const needed = (await readdir(directory)).filter((file) => file.endsWith('.sql')).map((file) => file.slice(0, -'.sql'.length))
  const giveUpAt = performance.now() + config.AWAIT_SCHEMA_DEADLINE_MS
  const connection = connectionOptions({ url: config.DATABASE_URL, applicationName: `${name} await schema` })
  const client = await connectWithRetry(connection, { deadlineMs: config.AWAIT_SCHEMA_DEADLINE_MS, logger })
  try {
    for (;;) {
      const applied = await appliedMigrations(client)
      const missing = needed.filter((migration) => !applied.has(migration))
      if (missing.length === 0) return
      if (performance.now() > giveUpAt) throw new JobError('AWAIT_SCHEMA_DEADLINE_MS', `expected every migration to be applied within AWAIT_SCHEMA_DEADLINE_MS (${config.AWAIT_SCHEMA_DEADLINE_MS} ms), found these missing: ${missing.join(', ')}; see the migration job`)
      logger.info({ event: 'schema_awaited', missing }, 'waiting for migrations')
      await delay(PAUSE_MS)
    }
  } finally {
    await client.end()
  }
}

async function appliedMigrations (client: pg.Client): Promise<ReadonlySet<string>> {
  try {
    const { rows } = await client.query<{ name: string }>('SELECT name FROM public.schema_migrations')
    return new Set(rows.map(({ name }) => name))
  } catch (error) {
    // The first migration job still runs. It grants the roles the right to read this table at its end.
    const { code } = error as pg.DatabaseError
    if (code === UNDEFINED_TABLE || code === INSUFFICIENT_PRIVILEGE) return new Set()
    throw error
  }
}
