import pg from 'pg'

/** A connection is idle between two of these, so that another one can get its server process. */
const ROUNDS = 10
const CHECK_DEADLINE_MS = 10_000
const STATEMENT = 'service_kit_pooler_check'

/** Between the service and Postgres stands a pooler that cannot carry what the service does. */
export class PoolerError extends Error {
  readonly code = 'POSTGRES_POOLER_UNFIT'

  constructor (expected: string, found: string, remedy: string) {
    super(`DATABASE_URL: expected ${expected}, found ${found}: ${remedy}`)
    this.name = 'PoolerError'
  }
}

interface Pooler {
  /** Each transaction may run in another session of the server. */
  sharesSessions: boolean
  keepsPreparedStatements: boolean
}

/**
 * What stands between the service and Postgres, found out once for each URL.
 *
 * Prepared statements belong to a session of the server. A pooler that gives each transaction another session and does not
 * carry them over answers "does not exist" to some requests, "already exists" to others, and where two versions of a service
 * run it may execute the statement of the other one.
 */
export class PoolerCheck {
  static readonly #checks = new Map<string, PoolerCheck>()
  readonly #config: pg.ClientConfig
  #found: Promise<Pooler> | undefined

  private constructor (config: pg.ClientConfig) {
    this.#config = config
  }

  static of (config: pg.ClientConfig): PoolerCheck {
    const key = config.connectionString ?? ''
    const check = this.#checks.get(key) ?? new PoolerCheck(config)
    this.#checks.set(key, check)
    return check
  }

  /**
   * @param needsSession what to set when there is no session of one's own
   * @throws PoolerError. @throws what Postgres says, when it cannot be asked; the next call asks again
   */
  async assertFit (needsSession?: string): Promise<void> {
    this.#found ??= inspect(this.#config)
    const found = this.#found
    const { keepsPreparedStatements, sharesSessions } = await found.catch((error: unknown) => {
      this.#found = undefined
      throw error
    })
    if (sharesSessions && !keepsPreparedStatements) {
      throw new PoolerError('a pooler that keeps prepared statements', 'one that pools transactions and does not',
        'set max_prepared_statements above 0 in PgBouncer 1.21 or newer, or pool_mode = session, or lead DATABASE_URL past the pooler')
    }
    if (sharesSessions && needsSession !== undefined) {
      throw new PoolerError('a session of its own, for LISTEN and advisory locks', 'a pooler that pools transactions',
        `lead DATABASE_URL past the pooler, or to a pool with pool_mode = session, or set ${needsSession}`)
    }
  }
}

/** Looks by two connections of its own. */
async function inspect (config: pg.ClientConfig): Promise<Pooler> {
  const clients = [1, 2].map(() => new pg.Client({ ...config, query_timeout: CHECK_DEADLINE_MS, connectionTimeoutMillis: CHECK_DEADLINE_MS }))
  try {
    const [one, other] = await Promise.all(clients.map(async (client) => {
      client.on('error', () => {})
      await client.connect()
      return client
    }))
    if (one === undefined || other === undefined) throw new Error('expected two connections, found less')
    return {
      keepsPreparedStatements: await keepsPreparedStatements(one),
      sharesSessions: await sharesSessions(one, other)
    }
  } finally {
    for (const client of clients) client.end().catch(() => {})
  }
}

/** A pooler that keeps them gives them names of its own: the server knows none of ours. */
async function keepsPreparedStatements (client: pg.Client): Promise<boolean> {
  const { rows: [row] } = await client.query<{ ours: number }>({
    name: `${STATEMENT}_${process.pid}_${Date.now()}`,
    text: `SELECT count(*)::int AS ours FROM pg_prepared_statements WHERE name LIKE '${STATEMENT}%'`
  })
  return row?.ours === 0
}

/** Both are open. In a session of one's own nobody else is ever met. */
async function sharesSessions (one: pg.Client, other: pg.Client): Promise<boolean> {
  const pids = new Set<number>()
  for (let round = 0; round < ROUNDS; round++) {
    pids.add(await processOf(one))
    if (pids.size > 1 || pids.has(await processOf(other))) return true
  }
  return false
}

async function processOf (client: pg.Client): Promise<number> {
  const { rows: [row] } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  return row?.pid ?? 0
}

/** Ends a service whose database is behind a pooler that cannot carry it. An outage is none of its business. */
export function refuseUnfitPooler (pool: pg.Pool, fail: (error: Error) => void): void {
  pool.query('SELECT').catch((error: unknown) => { if (error instanceof PoolerError) fail(error) })
}
