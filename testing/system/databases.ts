import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import { migrateService, ROLES, withClient, withDatabase, withServerLock, type DatabaseOwner } from '../framework/database.ts'

/** The database of each service that has one. */
export const DATABASES = { 'order-api': 'orders', 'order-consumer': 'order_views' } as const satisfies Record<DatabaseOwner, string>

export interface SystemDatabases {
  /** As the owner of everything. */
  ordersUrl: string
  viewsUrl: string
  /** With the rights of that role and no more. */
  urlAs: (role: string) => string
}

/** Creates and migrates a service's database. @returns its URL, as the user of `server` */
export async function createDatabase (server: { url: string }, service: DatabaseOwner, { name = DATABASES[service], password }: { name?: string, password?: string } = {}): Promise<string> {
  const url = withDatabase(server.url, name).href
  await withServerLock(server.url, async (client) => {
    await client.query(`CREATE DATABASE ${name}`)
    await migrateService(service, url, password)
  })
  return url
}

/**
 * Creates the databases of a system on a server that others may use too. There they get names of their own, and are dropped
 * with the stack. The services' roles keep their passwords: the system's users are members of them.
 *
 * @param run tells this system apart from others on the same server
 */
export async function createDatabases (server: { url: string, external: boolean }, run: string, stack: AsyncDisposableStack): Promise<SystemDatabases> {
  const { url, external } = server
  const rolesBefore = await withClient(url, listRoles)
  if (external) stack.defer(() => withServerLock(url, (client) => dropNewRoles(client, rolesBefore, run)))
  const users = new Map<string, string>()
  const create = async (service: DatabaseOwner): Promise<string> => {
    const name = external ? `${DATABASES[service]}_demo_${run}` : DATABASES[service]
    if (external) stack.defer(async () => { await withClient(url, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)) })
    const database = await createDatabase(server, service, { name })
    for (const role of ROLES[service]) users.set(role, await withClient(url, (client) => createUser(client, role, run, database)))
    return database
  }
  return {
    ordersUrl: await create('order-api'),
    viewsUrl: await create('order-consumer'),
    urlAs: (role) => users.get(role) ?? ''
  }
}

async function createUser (client: pg.Client, role: string, run: string, database: string): Promise<string> {
  const username = userOf(role, run)
  const password = randomBytes(12).toString('hex')
  await client.query(`CREATE ROLE ${username} LOGIN PASSWORD '${password}' IN ROLE ${role}`)
  return Object.assign(new URL(database), { username, password }).href
}

function userOf (role: string, run: string): string {
  return `${role}_demo_${run}`
}

async function listRoles (client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ rolname: string }>('SELECT rolname FROM pg_roles')
  return rows.map(({ rolname }) => rolname)
}

async function dropNewRoles (client: pg.Client, before: readonly string[], run: string): Promise<void> {
  for (const role of Object.values(ROLES).flat()) {
    await client.query(`DROP ROLE IF EXISTS ${userOf(role, run)}`)
    // A role that our migrations made may be in use by now: then it has rights in another database, and stays.
    if (!before.includes(role)) await client.query(`DROP ROLE IF EXISTS ${role}`).catch(() => {})
  }
}
