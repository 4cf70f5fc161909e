import { runner } from 'node-pg-migrate'
import type pg from 'pg'
import type { Logger } from 'pino'
import { Type, type TObject } from 'typebox'
import { configOrExit } from '../config/config-or-exit.ts'
import { loadConfig } from '../config/config.ts'
import { connectPatiently } from './connect-patiently.ts'
import { connectionOptions, openClient } from './connection.ts'
import { databaseTlsSettings, withDatabaseTls } from './database-tls.ts'
import { endOnSigterm } from '../process/end-on-sigterm.ts'
import { failJob } from '../process/job-error.ts'
import { createLogger } from '../process/logger.ts'
import { LockWait } from './lock-wait.ts'
import { assertRoleOwner, setRolePassword } from './role-password.ts'
import { logSettings, postgresSettings } from '../config/settings.ts'

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
    MIGRATE_LOCK_DEADLINE_MS: Type.Integer({
      default: 600_000,
      minimum: 0,
      maximum: 3_600_000,
      description: 'For how long another migration, or a transaction that uses a table that is to be changed, is waited for. After that the job ends with exit code 1, and names who holds the lock.'
    }),
    ...Object.fromEntries(passwords)
  })
}

/**
 * Brings a service's database up to date: the entry point of its migration job. Safe to run from several places at once.
 * Settings that cannot be used are printed, and end the process with exit code 1. What else goes wrong is one line of the log,
 * with the setting to change if there is one, and exit code 1; the migration that failed was rolled back then.
 */
export async function migrate ({ name, directory, roles }: MigrateOptions): Promise<void> {
  endOnSigterm()
  const settings = migrationSettings(roles)
  const config = configOrExit(`${name}-migrate`, () => withDatabaseTls(loadConfig(settings, { prefixes: ['MIGRATE_'] }) as MigrateConfig))
  const logger = createLogger({ name: `${name}-migrate`, level: config.LOG_LEVEL })
  try {
    await applyAll({ name, directory, roles }, config, logger)
  } catch (error) {
    failJob(error, logger, 'the migration failed')
  }
}

type MigrateConfig = Record<`MIGRATE_${string}_PASSWORD`, string | undefined> & {
  DATABASE_URL: string
  LOG_LEVEL: string
  MIGRATE_CONNECT_DEADLINE_MS: number
  MIGRATE_LOCK_DEADLINE_MS: number
  MIGRATE_ROLE_OWNER?: string | undefined
}

async function applyAll ({ name, directory, roles }: MigrateOptions, config: MigrateConfig, logger: Logger): Promise<void> {
  const connection = connectionOptions({
    url: config.DATABASE_URL,
    applicationName: `${name}-migrate`,
    // A role's default would end an index that takes long. What waits for a lock is short: whoever comes behind it waits too.
    defaults: [['statement_timeout', '0'], ['idle_in_transaction_session_timeout', '0']],
    fixed: [['lock_timeout', String(LockWait.STATEMENT_TIMEOUT_MS)]],
    needsSession: 'DATABASE_URL to the server itself'
  })
  const client = await connectPatiently({ connection, deadlineMs: config.MIGRATE_CONNECT_DEADLINE_MS, logger })
  const waiting = new LockWait({ client, openWitness: () => openClient(connection), deadlineMs: config.MIGRATE_LOCK_DEADLINE_MS, logger })
  try {
    await waiting.becomeTheOnlyMigration()
    const owner = config.MIGRATE_ROLE_OWNER
    for (const role of roles) {
      if (owner !== undefined && config[passwordVariable(role)] !== undefined) await assertRoleOwner(client, role, owner)
    }
    const applied = await waiting.retry(() => runner({
      dbClient: client,
      dir: directory,
      direction: 'up',
      migrationsTable: 'schema_migrations',
      // The lock above waits; the runner's own one gives up when another job is at it.
      noLock: true,
      log: (message: string) => { logger.debug({ event: 'migration_step' }, message) }
    }))
    await waiting.retry(async () => {
      for (const role of roles) {
        // Not by a migration: this table is the runner's, and how a service's pod knows that it may start (awaitSchema).
        await client.query(`GRANT SELECT ON public.schema_migrations TO ${client.escapeIdentifier(role)}`)
        const password = config[passwordVariable(role)]
        if (password !== undefined) await setRolePassword(client, { role, password, owner })
      }
    })
    await warnOfPublicRights(client, logger)
    logger.info({ applied: applied.map((migration) => migration.name), event: 'migrated' }, 'migrated')
  } finally {
    await client.end()
  }
}

/** A migration revokes them, but rights on a database do not come along when it is restored or copied into another one. */
async function warnOfPublicRights (client: pg.Client, logger: Logger): Promise<void> {
  const { rows } = await client.query<{ right: string, database: string }>(`
    SELECT privilege_type AS right, datname AS database
    FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba)))
    WHERE datname = current_database() AND grantee = 0 ORDER BY 1`)
  if (rows.length === 0) return
  logger.warn({ rights: rows.map(({ right }) => right), database: rows[0]?.database, event: 'public_rights' },
    'every role of the server can use this database: as its owner, REVOKE ALL ON DATABASE … FROM PUBLIC, and GRANT CONNECT to the roles of its services')
}

function passwordVariable (role: string): `MIGRATE_${string}_PASSWORD` {
  return `MIGRATE_${role.toUpperCase()}_PASSWORD`
}
