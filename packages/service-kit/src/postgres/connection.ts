import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Logger } from 'pino'
import { splitDatabaseUrl } from '../config/database-url.ts'
import { PoolerCheck, PoolerError } from './pooler.ts'
import { beginSession, sessionSettings } from './session.ts'

const ATTEMPT_DEADLINE_MS = 10_000
const PAUSE_MS = 1_000

export interface ConnectionOptions extends pg.ClientConfig {
  /** Prepares a new connection. A pool calls it by itself. Code that creates a client calls it after the connect. */
  onConnect: (client: pg.ClientBase) => Promise<void>
}

export interface ConnectionRequest {
  url: string
  /** Shown in `pg_stat_activity`. */
  applicationName: string
  /** Session settings, such as `['lock_timeout', '3000']`. The URL can override them. */
  defaults?: Iterable<readonly [string, string]>
  /** Session settings that the URL cannot override. */
  fixed?: Iterable<readonly [string, string]>
  /** For a connection that listens or holds an advisory lock: the setting to change if a pooler shares its session. */
  needsSession?: string
}

/**
 * The options of every connection of a service: its URL, and the session settings that the code depends on, whatever the
 * defaults of the server, the database and the role.
 *
 * `onConnect` throws PoolerError if a pooler is in between that does not support this connection.
 */
export function connectionOptions ({ url, applicationName, defaults = [], fixed = [], needsSession }: ConnectionRequest): ConnectionOptions {
  const { connectionString, settings } = splitDatabaseUrl(url)
  const all = sessionSettings({ defaults, ofUrl: settings, fixed })
  const config: pg.ClientConfig = {
    connectionString, application_name: applicationName, connectionTimeoutMillis: 3_000, keepAlive: true, keepAliveInitialDelayMillis: 10_000
  }
  const pooler = PoolerCheck.of(config)
  return {
    ...config,
    onConnect: async (client) => {
      const pid = await beginSession(client, all)
      // A pooler sends a process id of its own at the connect, not the one of the server process behind it.
      if (pid !== (client as pg.ClientBase & { processID: number | null }).processID) await pooler.assertFit(needsSession)
    }
  }
}

/** Opens one connection. If it is lost later, the pending statement fails, and its error is the one to report. */
export async function openClient (options: ConnectionOptions): Promise<pg.Client> {
  const client = new pg.Client(options)
  client.on('error', () => {})
  try {
    await client.connect()
    await options.onConnect(client)
    return client
  } catch (error) {
    await client.end().catch(() => {})
    throw error
  }
}

/**
 * Opens one connection, and tries again for `deadlineMs` while Postgres cannot be reached or the role cannot log in yet.
 *
 * @throws the error of the last attempt. @throws PoolerError at once
 */
export async function connectWithRetry (options: ConnectionOptions, { deadlineMs, logger }: { deadlineMs: number, logger: Logger }): Promise<pg.Client> {
  const giveUpAt = performance.now() + deadlineMs
  for (;;) {
    try {
      return await openClient({ ...options, connectionTimeoutMillis: ATTEMPT_DEADLINE_MS })
    } catch (error) {
      if (error instanceof PoolerError || performance.now() + PAUSE_MS > giveUpAt) throw error
      logger.info({ event: 'postgres_not_reachable', reason: (error as Error).message }, 'Postgres does not accept connections yet, trying again')
      await delay(PAUSE_MS)
    }
  }
}
