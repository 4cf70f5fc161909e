import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import type { Logger } from 'pino'
import { isLostRace, LOCK_NOT_AVAILABLE } from './errors.ts'
import { JobError } from './job.ts'

/** Any constant. The job with this advisory lock migrates; the others wait, and then find nothing to do. */
const MIGRATION_LOCK = 7_041_776
const RETRY_INTERVAL_MS = 500
const WATCH_INTERVAL_MS = 1_000
const LOG_INTERVAL_MS = 5_000

export interface LockWaitOptions {
  /** Runs the migrations. */
  client: pg.Client
  /** Opens a second connection: it reads which sessions hold the lock, while `client` waits. */
  openWatcher: () => Promise<pg.Client>
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
 * Waits for other migrations, and for transactions that use a table that the migration changes. The wait has a deadline and is
 * logged. A statement that waits for a table lock blocks all later statements on that table, so each attempt has a short lock
 * timeout, and the migration is retried.
 */
export class LockWait {
  /** Less than the services' lock timeout: a request behind a waiting migration is slow, and does not fail. */
  static readonly STATEMENT_TIMEOUT_MS = 2_000
  readonly #options: LockWaitOptions
  readonly #giveUpAt: number
  #loggedAt = -Infinity
  #holders: Holder[] = []

  constructor (options: LockWaitOptions) {
    this.#options = options
    this.#giveUpAt = performance.now() + options.deadlineMs
  }

  /** Takes the lock of the migrations. @throws JobError after the deadline, with the sessions that hold it */
  async takeMigrationLock (): Promise<void> {
    const { client } = this.#options
    for (;;) {
      const { rows: [row] } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [MIGRATION_LOCK])
      if (row?.locked === true) return
      this.#holders = await holdersOfMigrationLock(client)
      this.#log('waiting for another migration, or for a session that holds its lock')
      if (performance.now() > this.#giveUpAt) throw this.#deadlineError('the lock of the migrations')
      await delay(RETRY_INTERVAL_MS)
    }
  }

  /** Retries the work while it fails for a lock. @throws JobError after the deadline. @throws the work's other errors */
  async retry<T> (work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await this.#watched(work)
      } catch (error) {
        if ((error as pg.DatabaseError).code !== LOCK_NOT_AVAILABLE && !isLostRace(error)) throw error
        // The runner leaves a failed transaction open.
        await this.#options.client.query('ROLLBACK')
        if (performance.now() > this.#giveUpAt) throw this.#deadlineError('a table', error)
        await delay(RETRY_INTERVAL_MS)
      }
    }
  }

  /** While the work runs, reads from another connection which sessions block it. */
  async #watched<T> (work: () => Promise<T>): Promise<T> {
    const { client, openWatcher, logger } = this.#options
    const { rows: [row] } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    const done = new AbortController()
    const watching = (async () => {
      // Most migrations end before the first look.
      await delay(WATCH_INTERVAL_MS, undefined, { signal: done.signal })
      const watcher = await openWatcher()
      try {
        while (!done.signal.aborted) {
          const holders = await blockersOf(watcher, row?.pid ?? 0)
          if (holders.length > 0) {
            this.#holders = holders
            this.#log('a statement of the migration waits for a lock')
          }
          await delay(WATCH_INTERVAL_MS, undefined, { signal: done.signal })
        }
      } finally {
        await watcher.end()
      }
    })().catch((error: unknown) => { if (!done.signal.aborted) logger.debug({ event: 'lock_holders_unknown', err: error }, 'the sessions that hold the lock could not be read') })
    try {
      return await work()
    } finally {
      done.abort()
      await watching
    }
  }

  #log (message: string): void {
    if (performance.now() - this.#loggedAt < LOG_INTERVAL_MS) return
    this.#loggedAt = performance.now()
    this.#options.logger.warn({ event: 'migration_waits', holders: this.#holders }, message)
  }

  #deadlineError (what: string, cause?: unknown): JobError {
    const holders = this.#holders.map(({ pid, role, application, state, since }) =>
      `process ${pid} of the role ${role} (${application || 'no application name'}${state === null ? '' : `, ${state}`}${since === null ? '' : `, since ${since}`})`)
    return new JobError('MIGRATE_LOCK_DEADLINE_MS',
      `expected ${what} to be free within MIGRATE_LOCK_DEADLINE_MS (${this.#options.deadlineMs} ms), found it held by ${holders.join(', ') || 'a session that is not visible'}; ` +
      'end that session (pg_terminate_backend), or raise MIGRATE_LOCK_DEADLINE_MS', { cause })
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

async function blockersOf (watcher: pg.Client, pid: number): Promise<Holder[]> {
  const { rows } = await watcher.query<Holder>(`${HOLDER} FROM pg_stat_activity AS a WHERE a.pid = ANY (pg_blocking_pids($1))`, [pid])
  return rows
}
