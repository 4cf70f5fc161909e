import { randomBytes } from 'node:crypto'
import { migrateService, ROLES, type DatabaseOwner } from '@orders/testing/framework'
import pg from 'pg'
import type { CleanUp } from './clean-up.ts'

const NAMES: Readonly<Record<DatabaseOwner, string>> = { 'order-api': 'orders', 'order-consumer': 'order_views' }

export interface Databases {
  /** As the owner of everything. */
  ordersUrl: string
  viewsUrl: string
  /** With the rights of that role and no more. */
  urlAs: (role: string) => string
}

/**
 * Creates and migrates the databases of this run. On a server that was there before they have names of their own, and are
 * dropped afterwards. The services' roles there keep the passwords that they have: our users are members of them.
 */
export async function createDatabases (server: { url: string, external: boolean }, run: string, cleanUp: CleanUp): Promise<Databases> {
  return withClient(server.url, async (admin) => {
    const rolesBefore = await listRoles(admin)
    if (server.external) cleanUp.add(() => withClient(server.url, (client) => dropNewRoles(client, rolesBefore, run)))
    const users = new Map<string, string>()
    const create = async (service: DatabaseOwner): Promise<string> => {
      const name = server.external ? `${NAMES[service]}_demo_${run}` : NAMES[service]
      if (server.external) cleanUp.add(() => withClient(server.url, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)))
      await admin.query(`CREATE DATABASE ${name}`)
      const url = Object.assign(new URL(server.url), { pathname: `/${name}` })
      await migrateService(service, url.href)
      for (const role of ROLES[service]) users.set(role, await createUser(admin, role, run, url))
      return url.href
    }
    return {
      ordersUrl: await create('order-api'),
      viewsUrl: await create('order-consumer'),
      urlAs: (role) => users.get(role) ?? ''
    }
  })
}

async function createUser (admin: pg.Client, role: string, run: string, database: URL): Promise<string> {
  const username = userOf(role, run)
  const password = randomBytes(12).toString('hex')
  await admin.query(`CREATE ROLE ${username} LOGIN PASSWORD '${password}' IN ROLE ${role}`)
  return Object.assign(new URL(database), { username, password }).href
}

function userOf (role: string, run: string): string {
  return `${role}_demo_${run}`
}

async function listRoles (admin: pg.Client): Promise<string[]> {
  const { rows } = await admin.query<{ rolname: string }>('SELECT rolname FROM pg_roles')
  return rows.map(({ rolname }) => rolname)
}

async function dropNewRoles (admin: pg.Client, before: readonly string[], run: string): Promise<void> {
  for (const role of Object.values(ROLES).flat()) {
    await admin.query(`DROP ROLE IF EXISTS ${userOf(role, run)}`)
    // Somebody may have begun to use one that our migrations made: then it has rights in another database, and stays.
    if (!before.includes(role)) await admin.query(`DROP ROLE IF EXISTS ${role}`).catch(() => {})
  }
}

async function withClient<T> (url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
