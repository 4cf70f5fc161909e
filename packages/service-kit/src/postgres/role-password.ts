import type pg from 'pg'

const CONCURRENT_ROLE_CHANGES = 10

export interface RolePassword {
  role: string
  password: string
  /** The installation that sets the password, as `MIGRATE_ROLE_OWNER` names it. */
  owner?: string | undefined
}

/** Another installation sets the password of this role. Nothing was changed. */
export class RoleOwnedByAnotherError extends Error {
  readonly code = 'ROLE_OWNED_BY_ANOTHER'

  constructor (role: string, owner: string, found: string) {
    super(`MIGRATE_ROLE_OWNER: expected the role ${role} to be used by ${owner} alone, found that ${found} sets its password. Roles belong to the whole Postgres server: ` +
      `a new password would lock ${found} out. Give each release a server of its own. If ${found} is gone, clear the comment: COMMENT ON ROLE ${role} IS NULL`)
    this.name = 'RoleOwnedByAnotherError'
  }
}

/**
 * Sets the password of a role. An `owner` is stored in the role's comment; from then on every other owner is refused.
 *
 * @throws RoleOwnedByAnotherError
 */
export async function setRolePassword (client: pg.Client, { role, password, owner }: RolePassword): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await inTransaction(client, async () => {
        // First, because it locks the role: a concurrent job waits here, fails, and then finds our owner.
        await client.query(`ALTER ROLE ${client.escapeIdentifier(role)} PASSWORD ${client.escapeLiteral(password)}`)
        if (owner !== undefined) await mark(client, role, owner)
      })
      return
    } catch (error) {
      // Roles belong to the whole server: a migration of another database may change the same role concurrently.
      if (!/tuple concurrently updated/.test((error as Error).message) || attempt === CONCURRENT_ROLE_CHANGES) throw error
    }
  }
}

/** Call it before a migration changes anything. @throws RoleOwnedByAnotherError */
export async function assertRoleOwner (client: pg.Client, role: string, owner: string): Promise<void> {
  const found = ownerIn(await commentOf(client, role))
  if (found !== undefined && found !== owner) throw new RoleOwnedByAnotherError(role, owner, found)
}

async function mark (client: pg.Client, role: string, owner: string): Promise<void> {
  await assertRoleOwner(client, role, owner)
  const comment = await commentOf(client, role)
  if (ownerIn(comment) === owner) return
  const marked = [...comment === '' ? [] : [comment], `password set by ${owner}`].join('\n')
  await client.query(`COMMENT ON ROLE ${client.escapeIdentifier(role)} IS ${client.escapeLiteral(marked)}`)
}

async function commentOf (client: pg.Client, role: string): Promise<string> {
  const { rows } = await client.query<{ comment: string | null }>("SELECT shobj_description(oid, 'pg_authid') AS comment FROM pg_roles WHERE rolname = $1", [role])
  return rows[0]?.comment ?? ''
}

function ownerIn (comment: string): string | undefined {
  return /^password set by (.+)$/m.exec(comment)?.[1]
}

async function inTransaction (client: pg.Client, work: () => Promise<void>): Promise<void> {
  await client.query('BEGIN')
  try {
    await work()
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}
