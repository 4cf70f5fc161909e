import { runner } from 'node-pg-migrate'
import { Type, type TObject } from 'typebox'
import { configOrExit } from './config-or-exit.ts'
import { loadConfig } from './config.ts'
import { connectPatiently } from './connect-patiently.ts'
import { databaseTlsSettings, withDatabaseTls } from './database-tls.ts'
import { endOnSigterm } from './end-on-sigterm.ts'
import { createLogger } from './logger.ts'
import { assertRoleOwner, setRolePassword } from './role-password.ts'
import { logSettings, postgresSettings } from './settings.ts'

/** Any constant: whoever holds this advisory lock migrates, the others wait, and then find nothing to do. */
const MIGRATION_LOCK = 7_041_776

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
    ...databaseTlsSettings,
    ...logSettings,
    MIGRATE_CONNECT_DEADLINE_MS: Type.Integer({
      default: 0, minimum: 0, maximum: 3_600_000, description: 'For how long a Postgres that cannot be reached yet is tried again.'
    }),
    MIGRATE_ROLE_OWNER: Type.Optional(Type.String({
      pattern: '^[a-zA-Z0-9._/-]{1,200}$',
      description: 'The installation that sets the passwords, such as `namespace/release`. It is kept in the roles\' comments, and a role whose password another installation sets is refused: roles belong to the whole Postgres server. Not checked if not set.'
    })),
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
  const config = configOrExit(`${name}-migrate`, () => withDatabaseTls(loadConfig(settings, { prefixes: ['MIGRATE_'] }) as { DATABASE_URL: string })) as Record<string, string | undefined>
  const logger = createLogger({ name: `${name}-migrate`, level: config.LOG_LEVEL ?? 'info' })
  const client = await connectPatiently({
    url: config.DATABASE_URL ?? '', applicationName: `${name}-migrate`, deadlineMs: Number(config.MIGRATE_CONNECT_DEADLINE_MS), logger
  })
  try {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK])
    const owner = config.MIGRATE_ROLE_OWNER
    for (const role of roles) {
      if (owner !== undefined && config[passwordVariable(role)] !== undefined) await assertRoleOwner(client, role, owner)
    }
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
      const password = config[passwordVariable(role)]
      if (password !== undefined) await setRolePassword(client, { role, password, owner })
    }
    logger.info({ applied: applied.map((migration) => migration.name) }, 'migrated')
  } finally {
    await client.end()
  }
}

function passwordVariable (role: string): string {
  return `MIGRATE_${role.toUpperCase()}_PASSWORD`
}
