import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { runCommand } from '../servers/run-command.ts'
import { checkoutPath } from './checkout.ts'
import { testPostgres, type TestContext } from './servers.ts'
import { until } from './until.ts'

const MIGRATION_JOB = checkoutPath('packages/service-kit/src/postgres/migrate.ts')
/** The same for every database: roles belong to the server, not to the database. */
const ROLE_PASSWORD = 'test'
/** Any constant. See {@link withServerLock}. */
const SERVER_LOCK = 3_141_592
const SESSIONS_DEADLINE_MS = 3_000

export const ROLES = {
  'order-api': ['order_api', 'outbox_relay', 'outbox_operator'],
  'order-consumer': ['order_consumer']
} as const

export type DatabaseOwner = keyof typeof ROLES

export interface TestDatabase {
  /** As superuser. */
  ownerUrl: string
  /** As one of the roles that the service's migrations make. */
  url: (role: string) => string
}

/** A migrated database for this test, dropped afterwards. */
export async function testDatabase (
  t: TestContext, { service, server }: { service: DatabaseOwner, server?: { url: string } }
): Promise<TestDatabase> {
  const { url } = server ?? await testPostgres(t)
  const template = await ensureTemplate(url, service)
  const name = `${template}_${randomBytes(5).toString('hex')}`
  // Postgres makes only one copy of a template at a time.
  await withServerLock(url, async (client) => {
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`)
    await copyDatabaseRights(client, template, name)
  })
  t.teardown(() => dropDatabase(url, name).catch(() => {}))
  return {
    ownerUrl: withDatabase(url, name).href,
    url (role) {
      const own = withDatabase(url, name)
      own.username = role
      own.password = ROLE_PASSWORD
      return own.href
    }
  }
}

/** Migrated once for each server and each version of the migrations and of the migration job, which grants rights too. */
async function ensureTemplate (url: string, service: DatabaseOwner): Promise<string> {
  const hash = createHash('sha256')
  const folder = checkoutPath(`services/${service}/migrations/`)
  for (const file of (await readdir(folder)).sort()) hash.update(await readFile(join(folder, file)))
  hash.update(await readFile(MIGRATION_JOB))
  const name = `test_${service.replace('-', '_')}_${hash.digest('hex').slice(0, 8)}`
  await withServerLock(url, async (client) => {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name])
    if (rowCount !== 0) return
    await client.query(`DROP DATABASE IF EXISTS ${name}_new WITH (FORCE)`)
    await client.query(`CREATE DATABASE ${name}_new`)
    await migrateService(service, withDatabase(url, `${name}_new`).href, ROLE_PASSWORD)
    // Renamed when it is complete: a run killed here leaves no template that looks finished.
    await client.query(`ALTER DATABASE ${name}_new RENAME TO ${name}`)
  })
  return name
}

/** CREATE DATABASE copies everything in the template, but not the rights on the database itself. */
async function copyDatabaseRights (client: pg.Client, template: string, copy: string): Promise<void> {
  const { rows } = await client.query<{ grant: string }>(`
    SELECT format('GRANT %s ON DATABASE %I TO %s', privilege_type, $2::text, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END) AS grant
    FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba)))
    WHERE datname = $1 AND grantee <> datdba`, [template, copy])
  await client.query([`REVOKE ALL ON DATABASE ${copy} FROM PUBLIC`, ...rows.map(({ grant }) => grant)].join('; '))
}

/** Runs the service's own migration job. With `password`, the service's roles get it; without, they are not changed. */
export async function migrateService (service: DatabaseOwner, url: string, password?: string): Promise<void> {
  const env = password === undefined ? {} : Object.fromEntries(ROLES[service].map((role) => [`MIGRATE_${role.toUpperCase()}_PASSWORD`, password]))
  await runCommand(process.execPath, ['--conditions=@orders/source', checkoutPath(`services/${service}/src/bin/migrate.ts`)], {
    env: { ...process.env, ...env, DATABASE_URL: url, LOG_LEVEL: 'warn' }
  })
}

/**
 * Lends a client that is alone on this server with what every database shares: a template, and the services' roles. Without it
 * a demo that ends could drop a role between a migration's CREATE ROLE and its first GRANT to that role. With it, the role has
 * rights in the migrated database by then, and Postgres refuses to drop it.
 */
export async function withServerLock<T> (url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  return withClient(url, async (client) => {
    await client.query('SELECT pg_advisory_lock($1)', [SERVER_LOCK])
    return work(client)
  })
}

/** Lends a client, and ends it afterwards. */
export async function withClient<T> (url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/**
 * Drops a database when its sessions have ended; those that do not end are ended.
 *
 * The wait prevents an unhandled error: a pool says that it has ended a moment before its sessions have, and Postgres tells a session that
 * it is ended by force, to a client without a listener.
 */
export async function dropDatabase (url: string, name: string): Promise<void> {
  await withClient(url, async (client) => {
    const isFree = async () => (await client.query("SELECT FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'", [name])).rowCount === 0
    await until(isFree, { what: `the sessions of ${name} to end`, deadlineMs: SESSIONS_DEADLINE_MS }).catch(() => {})
    await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
  })
}

/** The same server, another database. */
export function withDatabase (url: string, name: string): URL {
  const changed = new URL(url)
  changed.pathname = `/${name}`
  return changed
}
