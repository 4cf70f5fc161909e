import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import type { Logger } from 'pino'
import { JobError } from '../process/job-error.ts'

/** Any constant: whoever holds this advisory lock migrates, the others wait, and then find nothing to do. */
const MIGRATION_LOCK = 7_041_776
const LOCK_NOT_AVAILABLE = '55P03'
const LOST_RACES = new Set(['40001', '40P01'])
const TRY_EVERY_MS = 500
const LOOK_EVERY_MS = 1_000
const TELL_EVERY_MS = 5_000

export interface LockWaitOptions {
  /** The one that migrates. */
  client: pg.Client
  /** One more, which can look while that one waits. */
  openWitness: () => Promise<pg.Client>
  deadlineMs: number
  logger: Logger
}

interface Holder {
  pid: number
  role: string
  application: string
  state: string | null
  since: string | null
}

/**
 * What a migration waits for: other migrations, and transactions that use a table that it changes. Never without end, and never
 * without a word. A statement that waits for a table holds up everyone who comes behind it, so it waits for a moment only, and
 * the migration is tried again.
 */
export class LockWait {
  /** Less than what the services wait for a lock: a request that comes behind a waiting migration is slow, and does not fail. */
  static readonly STATEMENT_TIMEOUT_MS = 2_000
  readonly #options: LockWaitOptions
  readonly #giveUpAt: number
  #told = -Infinity
  #holders: Holder[] = []

  constructor (options: LockWaitOptions) {
    this.#options = options
    this.#giveUpAt = performance.now() + options.deadlineMs
  }

  /** Resolves when no other migration of this database is at work. @throws JobError after the deadline, with who holds the lock */
  async becomeTheOnlyMigration (): Promise<void> {
    const { client } = this.#options
    for (;;) {
      const { rows: [row] } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [MIGRATION_LOCK])
      if (row?.locked === true) return
      this.#holders = await holdersOfMigrationLock(client)
      this.#tell('another migration is at work, or a session that holds its lock')
      if (performance.now() > this.#giveUpAt) throw this.#tooLong('the lock of the migrations')
      await delay(TRY_EVERY_MS)
    }
  }

  /** Does the work, again and again while it fails for a lock. @throws JobError after the deadline. @throws what the work throws */
  async retry<T> (work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await this.#watched(work)
      } catch (error) {
        const { code = '' } = error as pg.DatabaseError
        if (code !== LOCK_NOT_AVAILABLE && !LOST_RACES.has(code)) throw error
        // The runner leaves the transaction open that its statement failed in.
        await this.#options.client.query('ROLLBACK')
        if (performance.now() > this.#giveUpAt) throw this.#tooLong('a table', error)
        await delay(TRY_EVERY_MS)
      }
    }
  }

  /** Looks from another connection who is in the way, for as long as the work lasts. */
  async #watched<T> (work: () => Promise<T>): Promise<T> {
    const { client, openWitness, logger } = this.#options
    const { rows: [row] } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    const done = new AbortController()
    const watching = (async () => {
      // Most migrations are over before the first look.
      await delay(LOOK_EVERY_MS, undefined, { signal: done.signal })
      const witness = await openWitness()
      try {
        while (!done.signal.aborted) {
          const holders = await blockersOf(witness, row?.pid ?? 0)
          if (holders.length > 0) {
            this.#holders = holders
            this.#tell('a statement of the migration waits for a lock')
          }
          await delay(LOOK_EVERY_MS, undefined, { signal: done.signal })
        }
      } finally {
        await witness.end()
      }
    })().catch((error: unknown) => { if (!done.signal.aborted) logger.debug({ event: 'lock_holders_unknown', err: error }, 'nobody can look who is in the way') })
    try {
      return await work()
    } finally {
      done.abort()
      await watching
    }
  }

  #tell (message: string): void {
    if (performance.now() - this.#told < TELL_EVERY_MS) return
    this.#told = performance.now()
    this.#options.logger.warn({ event: 'migration_waits', holders: this.#holders }, message)
  }

  #tooLong (what: string, cause?: unknown): JobError {
    const holders = this.#holders.map(({ pid, role, application, state, since }) =>
      `process ${pid} of the role ${role} (${application || 'no application name'}${state === null ? '' : `, ${state}`}${since === null ? '' : `, since ${since}`})`)
    return new JobError('MIGRATE_LOCK_DEADLINE_MS',
      `expected ${what} to be free within MIGRATE_LOCK_DEADLINE_MS (${this.#options.deadlineMs} ms), found it held by ${holders.join(', ') || 'nobody that can be seen'}; ` +
      'end that session (pg_terminate_backend), or give it more time', { cause })
  }
}

const HOLDER = `SELECT a.pid, coalesce(a.usename, '?') AS role, coalesce(a.application_name, '') AS application, a.state,
                       to_json(a.xact_start)#>>'{}' AS since`

async function holdersOfMigrationLock (client: pg.Client): Promise<Holder[]> {
  const { rows } = await client.query<Holder>(`${HOLDER}
    FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid = $1 AND l.objsubid = 1
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`, [MIGRATION_LOCK])
  return rows
}

async function blockersOf (witness: pg.Client, pid: number): Promise<Holder[]> {
  const { rows } = await witness.query<Holder>(`${HOLDER} FROM pg_stat_activity AS a WHERE a.pid = ANY (pg_blocking_pids($1))`, [pid])
  return rows
}
