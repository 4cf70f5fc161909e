import { runner } from 'node-pg-migrate'
import type pg from 'pg'
import { Type, type TObject } from 'typebox'
import { configOrExit } from './config-or-exit.ts'
import { loadConfig } from './config.ts'
import { connectPatiently } from './connect-patiently.ts'
import { endOnSigterm } from './end-on-sigterm.ts'
import { createLogger } from './logger.ts'
import { logSettings, postgresSettings } from './settings.ts'

/** Any constant: whoever holds this advisory lock migrates, the others wait, and then find nothing to do. */
const MIGRATION_LOCK = 7_041_776
const CONCURRENT_ROLE_CHANGES = 10

export interface MigrateOptions {
  /** The service whose database it is. */
  name: string
  /** Folder of `NNN_name.sql` files, applied in order, each once. */
  directory: string
  /** Roles that the migrations create. Each gets the password of `MIGRATE_<ROLE>_PASSWORD`, if that is set. */
  roles: readonly string[]
}

/** The settings of a service's `migrate.ts`. */
export function migrationSettings (roles: readonly string[]): TObject {
  const passwords = roles.map((role) => [passwordVariable(role), Type.Optional(Type.String({
    minLength: 1, description: `Password to set on the role ${role}; left alone if not set.`
  }))] as const)
  return Type.Object({
    DATABASE_URL: postgresSettings.DATABASE_URL,
    ...logSettings,
    MIGRATE_CONNECT_DEADLINE_MS: Type.Integer({
      default: 0, minimum: 0, maximum: 3_600_000, description: 'For how long a Postgres that cannot be reached yet is tried again.'
    }),
    ...Object.fromEntries(passwords)
  })
}

/**
 * Brings a service's database up to date: the entry point of its migration job. Safe to run from several places at once.
 * Settings that cannot be used are printed, and end the process with exit code 1.
 *
 * @throws what Postgres says of a migration that failed; it was rolled back then
 */
export async function migrate ({ name, directory, roles }: MigrateOptions): Promise<void> {
  endOnSigterm()
  const settings = migrationSettings(roles)
  const config = configOrExit(`${name}-migrate`, () => loadConfig(settings, { prefixes: ['MIGRATE_'] })) as Record<string, string | undefined>
  const logger = createLogger({ name: `${name}-migrate`, level: config.LOG_LEVEL ?? 'info' })
  const client = await connectPatiently({
    url: config.DATABASE_URL ?? '', applicationName: `${name}-migrate`, deadlineMs: Number(config.MIGRATE_CONNECT_DEADLINE_MS), logger
  })
  try {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK])
    const applied = await runner({
      dbClient: client,
      dir: directory,
      direction: 'up',
      migrationsTable: 'schema_migrations',
      // The lock above waits; the runner's own one gives up when another job is at it.
      noLock: true,
      log: (message: string) => { logger.debug(message) }
    })
    for (const role of roles) {
      // Not by a migration: this table is the runner's, and how a service's pod knows that it may start (awaitSchema).
      await client.query(`GRANT SELECT ON schema_migrations TO ${client.escapeIdentifier(role)}`)
      await setPassword(client, role, config[passwordVariable(role)])
    }
    logger.info({ applied: applied.map((migration) => migration.name) }, 'migrated')
  } finally {
    await client.end()
  }
}

function passwordVariable (role: string): string {
  return `MIGRATE_${role.toUpperCase()}_PASSWORD`
}

async function setPassword (client: pg.Client, role: string, password: string | undefined): Promise<void> {
  if (password === undefined) return
  const statement = `ALTER ROLE ${client.escapeIdentifier(role)} PASSWORD ${client.escapeLiteral(password)}`
  for (let attempt = 1; ; attempt++) {
    try {
      await client.query(statement)
      return
    } catch (error) {
      // Roles belong to the whole server: a migration of another database may change the same one just now.
      if (!/tuple concurrently updated/.test((error as Error).message) || attempt === CONCURRENT_ROLE_CHANGES) throw error
    }
  }
}
