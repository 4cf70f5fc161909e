import { runner } from 'node-pg-migrate'
import type pg from 'pg'
import type { Logger } from 'pino'
import { Type, type TObject } from 'typebox'
import { configOrExit } from '../config/config-error.ts'
import { loadConfig } from '../config/config.ts'
import { connectionOptions, connectWithRetry, openClient } from './connection.ts'
import { databaseTlsSettings, withDatabaseTls } from '../config/database-tls.ts'
import { endOnSigterm, failJob } from './job.ts'
import { createLogger } from '../process/logger.ts'
import { LockWait } from './lock-wait.ts'
import { assertRoleOwner, setRolePassword } from './role-password.ts'
import { logSettings, postgresSettings } from '../config/settings.ts'

export interface MigrateOptions {
  /** The service that owns the database. */
  name: string
  /** Folder of `NNN_name.sql` files, applied in order, each once. */
  directory: string
  /** Roles that the migrations create. Each gets the password of `MIGRATE_<ROLE>_PASSWORD`, if that is set. */
  roles: readonly string[]
}

/** The settings of a service's `migrate.ts`. */
export function migrationSettings (roles: readonly string[]): TObject {
  const passwords = roles.map((role) => [passwordVariable(role), Type.Optional(Type.String({
    minLength: 1, description: `Password to set on the role ${role}. If not set, the password stays as it is.`
  }))] as const)
  return Type.Object({
    DATABASE_URL: postgresSettings.DATABASE_URL,
    ...databaseTlsSettings,
    ...logSettings,
    MIGRATE_CONNECT_DEADLINE_MS: Type.Integer({
      default: 0, minimum: 0, maximum: 3_600_000, description: 'How long to retry while Postgres cannot be reached, in milliseconds.'
    }),
    MIGRATE_ROLE_OWNER: Type.Optional(Type.String({
      pattern: '^[a-zA-Z0-9._/-]{1,200}$',
      description: 'The installation that sets the passwords, such as `namespace/release`. The migration job stores it in the comments of the roles, and refuses a role of another installation: roles belong to the whole Postgres server. If not set, nothing is checked.'
    })),
    MIGRATE_LOCK_DEADLINE_MS: Type.Integer({
      default: 600_000,
      minimum: 0,
      maximum: 3_600_000,
      description: 'How long to wait for another migration, or for a transaction that uses a table of the migration, in milliseconds. After that the job ends with exit code 1 and names the sessions that hold the lock.'
    }),
    ...Object.fromEntries(passwords)
  })
}

/**
 * Migrates a service's database: the entry point of its migration job. Several jobs may run at once. Invalid settings are
 * printed, and end the process with exit code 1. Any other failure is one log line, with the setting to change if there is
 * one, and exit code 1; the failed migration was rolled back.
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
    // A role's default timeout would end a long index build. Waits for locks are short: later statements queue behind them.
    defaults: [['statement_timeout', '0'], ['idle_in_transaction_session_timeout', '0']],
    fixed: [['lock_timeout', String(LockWait.STATEMENT_TIMEOUT_MS)]],
    needsSession: 'DATABASE_URL to the server itself'
  })
  const client = await connectWithRetry(connection, { deadlineMs: config.MIGRATE_CONNECT_DEADLINE_MS, logger })
  const waiting = new LockWait({ client, openWatcher: () => openClient(connection), deadlineMs: config.MIGRATE_LOCK_DEADLINE_MS, logger })
  try {
    await waiting.takeMigrationLock()
    const owner = config.MIGRATE_ROLE_OWNER
    for (const role of roles) {
      if (owner !== undefined && config[passwordVariable(role)] !== undefined) await assertRoleOwner(client, role, owner)
    }
    const applied = await waiting.retry(() => runner({
      dbClient: client,
      dir: directory,
      direction: 'up',
      migrationsTable: 'schema_migrations',
      // The lock above waits. The runner's own lock fails at once if another job has it.
      noLock: true,
      log: (message: string) => { logger.debug({ event: 'migration_step' }, message) }
    }))
    await waiting.retry(async () => {
      for (const role of roles) {
        // Not in a migration: the table belongs to the runner. A service's pod reads it before it starts (awaitSchema).
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

/** A migration revokes these rights, but a restore or a copy of the database does not keep rights on the database itself. */
async function warnOfPublicRights (client: pg.Client, logger: Logger): Promise<void> {
  const { rows } = await client.query<{ right: string, database: string }>(`
    SELECT privilege_type AS right, datname AS database
    FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba)))
    WHERE datname = current_database() AND grantee = 0 ORDER BY 1`)
  if (rows.length === 0) return
  logger.warn({ rights: rows.map(({ right }) => right), database: rows[0]?.database, event: 'public_rights' },
    'every role of the server can use this database: as its owner, run REVOKE ALL ON DATABASE … FROM PUBLIC, and GRANT CONNECT to the roles of its services')
}

function passwordVariable (role: string): `MIGRATE_${string}_PASSWORD` {
  return `MIGRATE_${role.toUpperCase()}_PASSWORD`
}
