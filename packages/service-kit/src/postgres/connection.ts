import pg from 'pg'
import { splitDatabaseUrl } from './database-url.ts'
import { PoolerCheck } from './pooler.ts'
import { beginSession, sessionSettings } from './session.ts'

export interface ConnectionOptions extends pg.ClientConfig {
  /** Called with each new connection before it is used. A pool does so by itself; who makes a client calls it. */
  onConnect: (client: pg.ClientBase) => Promise<void>
}

export interface ConnectionRequest {
  url: string
  /** Shown in `pg_stat_activity`. */
  applicationName: string
  /** Settings of its session, such as `['lock_timeout', '3000']`, where the URL does not say otherwise. */
  defaults?: Iterable<readonly [string, string]>
  /** Settings of its session, whatever the URL says. */
  fixed?: Iterable<readonly [string, string]>
  /** What has to be set when there is no session of one's own, for a connection that listens or holds an advisory lock. */
  needsSession?: string
}

/**
 * How every connection of a service is made: to its URL, with the settings of the session that the code depends on, whatever
 * the server, the database, the role or the URL say.
 *
 * @throws PoolerError by `onConnect`, where a pooler stands between that cannot carry this connection
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
      // A pooler answers with a key of its own, not with that of the process behind it.
      if (pid !== (client as pg.ClientBase & { processID: number | null }).processID) await pooler.assertFit(needsSession)
    }
  }
}

/** One connection, begun and guarded: a loss also fails the statement that waits for it, and that error is the one to report. */
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
