import pg from 'pg'

/** The connection is idle between two rounds, so that another one can get its server process. */
const ROUNDS = 10
const CHECK_DEADLINE_MS = 10_000
const STATEMENT = 'service_kit_pooler_check'

/** A pooler between the service and Postgres does not support what the service needs. */
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
 * Detects a pooler between the service and Postgres, once for each URL.
 *
 * Prepared statements belong to a session of the server. A pooler may give each transaction another session, without its
 * prepared statements. Then some requests fail with "does not exist" and others with "already exists". During a rolling update
 * a request may even run the statement of the other version.
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
   * @param needsSession the setting to change if the connection does not have its own session
   * @throws PoolerError. @throws Postgres's error in an outage; the next call tries again
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
        'set max_prepared_statements above 0 in PgBouncer 1.21 or newer, or pool_mode = session, or connect DATABASE_URL to the server itself')
    }
    if (sharesSessions && needsSession !== undefined) {
      throw new PoolerError('a session of its own, for LISTEN and advisory locks', 'a pooler that pools transactions',
        `connect DATABASE_URL to the server itself, or to a pool with pool_mode = session, or set ${needsSession}`)
    }
  }
}

/** Uses two connections of its own. */
async function inspect (config: pg.ClientConfig): Promise<Pooler> {
  const clients = [1, 2].map(() => new pg.Client({ ...config, query_timeout: CHECK_DEADLINE_MS, connectionTimeoutMillis: CHECK_DEADLINE_MS }))
  try {
    const [one, other] = await Promise.all(clients.map(async (client) => {
      client.on('error', () => {})
      await client.connect()
      return client
    }))
    if (one === undefined || other === undefined) throw new Error('expected two connections, found fewer')
    return {
      keepsPreparedStatements: await keepsPreparedStatements(one),
      sharesSessions: await sharesSessions(one, other)
    }
  } finally {
    for (const client of clients) client.end().catch(() => {})
  }
}

/** A pooler that keeps prepared statements renames them: the server knows none of our names. */
async function keepsPreparedStatements (client: pg.Client): Promise<boolean> {
  const { rows: [row] } = await client.query<{ ours: number }>({
    name: `${STATEMENT}_${process.pid}_${Date.now()}`,
    text: `SELECT count(*)::int AS ours FROM pg_prepared_statements WHERE name LIKE '${STATEMENT}%'`
  })
  return row?.ours === 0
}

/** Both connections are open. Without sharing, each has one server process, and never the other's. */
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

/** Ends a service whose database is behind an unsupported pooler. Ignores outages: other checks report them. */
export function refuseUnfitPooler (pool: pg.Pool, fail: (error: Error) => void): void {
  pool.query('SELECT').catch((error: unknown) => { if (error instanceof PoolerError) fail(error) })
}
