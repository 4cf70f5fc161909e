import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { openClient, type Connection, type OpenClient } from './open-client.ts'

const HEARTBEAT_MS = 5_000
const RECONNECT_MS = 500
/** A wait on a connection whose packets vanish would never end. */
const MAX_WAIT_MS = 30_000

/**
 * No timeout may end a waiting session, and a vanished peer must be noticed. By default, server and client would wait for hours on a
 * connection that was cut and not closed.
 */
const SESSION_SETTINGS = `
  SET statement_timeout = 0; SET lock_timeout = 0; SET idle_session_timeout = 0;
  SET client_connection_check_interval = '2s'; SET tcp_user_timeout = '10s';
  SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3`

export interface ProcessSessionOptions {
  /** Not through a transaction pooler: the lock belongs to the session. */
  connection: Connection
  /** The processes that watch each other share it. */
  group: string
  /** Unique for this process: no earlier or later process has the same name. */
  processName: string
  onError?: (error: Error) => void
}

/**
 * Shows other processes that this one is alive: a session with an advisory lock that ends with the process, however it ends. A
 * process that waits for the lock knows of a crash within milliseconds ({@link untilProcessEnds}).
 *
 * The end of the session proves only that the session has ended. Its process may live on, cut off from Postgres. So this is only for
 * work that needs Postgres and is fenced there.
 */
export class ProcessSession {
  readonly #options: ProcessSessionOptions
  readonly #stop = new AbortController()
  readonly #running: Promise<void>
  #begun: (() => void) | undefined

  private constructor (options: ProcessSessionOptions, begun: () => void) {
    this.#options = options
    this.#begun = begun
    this.#running = this.#run()
  }

  /** Resolves when the lock is held, however late Postgres starts, or on abort. The lock is taken again each time that the session is lost. */
  static async open (options: ProcessSessionOptions, signal: AbortSignal): Promise<ProcessSession> {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const session = new ProcessSession(options, () => { resolve(undefined) })
    const stop = () => { resolve(undefined) }
    signal.addEventListener('abort', stop, { once: true })
    if (!signal.aborted) await promise
    signal.removeEventListener('abort', stop)
    return session
  }

  async close (): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #run (): Promise<void> {
    const { onError = () => {} } = this.#options
    while (!this.#stop.signal.aborted) {
      await this.#hold().catch((error: Error) => { if (!this.#stop.signal.aborted) onError(error) })
      await delay(RECONNECT_MS, undefined, { signal: this.#stop.signal }).catch(() => {})
    }
  }

  async #hold (): Promise<void> {
    const { connection, group, processName } = this.#options
    const { client, broken, hangUp } = await connect({ query_timeout: HEARTBEAT_MS, ...connection }, this.#stop.signal)
    const over = AbortSignal.any([this.#stop.signal, broken])
    over.addEventListener('abort', hangUp)
    try {
      over.throwIfAborted()
      await client.query('SELECT pg_advisory_lock($1, $2)', [keyOf(group), keyOf(processName)])
      this.#begun?.()
      while (!over.aborted) {
        await delay(HEARTBEAT_MS, undefined, { signal: over }).catch(() => {})
        if (!over.aborted) await client.query('SELECT')
      }
      if (!this.#stop.signal.aborted) throw broken.reason
    } finally {
      over.removeEventListener('abort', hangUp)
      hangUp()
    }
  }
}

/**
 * Waits for the end of another process's session.
 *
 * @returns true at its end, or when there is none; false when it still lasts after half a minute, or on abort
 * @throws when Postgres cannot be reached
 */
export async function untilProcessEnds (
  connection: Connection, group: string, processName: string, signal: AbortSignal
): Promise<boolean> {
  if (signal.aborted) return false
  const enough = AbortSignal.any([signal, AbortSignal.timeout(MAX_WAIT_MS)])
  let hangUp = () => {}
  try {
    const open = await connect(connection, enough)
    const { client } = open
    hangUp = open.hangUp
    // Closing the connection rejects the query. The server notices by client_connection_check_interval.
    enough.addEventListener('abort', hangUp)
    // Aborted during the connect: there is no second abort, and the query would wait for as long as the other process lives.
    enough.throwIfAborted()
    await client.query('SELECT pg_advisory_lock_shared($1, $2)', [keyOf(group), keyOf(processName)])
    return true
  } catch (error) {
    if (enough.aborted) return false
    throw error
  } finally {
    enough.removeEventListener('abort', hangUp)
    hangUp()
  }
}

/** The number of processes of the group that are alive. */
export async function countProcesses (client: { query: (text: string, values: unknown[]) => Promise<{ rows: unknown[] }> }, group: string): Promise<number> {
  const { rows } = await client.query(
    `SELECT count(DISTINCT objid)::int AS processes FROM pg_locks
     WHERE locktype = 'advisory' AND classid = $1::int::oid AND objsubid = 2 AND mode = 'ExclusiveLock' AND granted
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, [keyOf(group)])
  return (rows[0] as { processes: number }).processes
}

/** @param signal also ends a connect, or a first statement, without an answer */
async function connect (config: Connection, signal: AbortSignal): Promise<OpenClient> {
  const open = openClient({ connectionTimeoutMillis: HEARTBEAT_MS, keepAlive: true, keepAliveInitialDelayMillis: HEARTBEAT_MS, ...config })
  signal.addEventListener('abort', open.hangUp)
  try {
    signal.throwIfAborted()
    await open.connect()
    await open.client.query(SESSION_SETTINGS)
    signal.throwIfAborted()
    return open
  } catch (error) {
    open.hangUp()
    throw error
  } finally {
    signal.removeEventListener('abort', open.hangUp)
  }
}

/** An advisory lock has two 32-bit keys. A collision of two processes causes a late or a needless challenge, no more. */
function keyOf (name: string): number {
  return createHash('sha256').update(name).digest().readInt32BE()
}
