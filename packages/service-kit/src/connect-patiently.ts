import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Logger } from 'pino'

const ATTEMPT_DEADLINE_MS = 10_000
const PAUSE_MS = 1_000

export interface ConnectPatientlyOptions {
  url: string
  applicationName: string
  /** For how long a Postgres that cannot be reached yet, or a role that cannot log in yet, is tried again. */
  deadlineMs: number
  logger: Logger
}

/** @throws what the last attempt said */
export async function connectPatiently ({ url, applicationName, deadlineMs, logger }: ConnectPatientlyOptions): Promise<pg.Client> {
  const giveUpAt = performance.now() + deadlineMs
  for (;;) {
    const client = new pg.Client({
      connectionString: url, application_name: applicationName, connectionTimeoutMillis: ATTEMPT_DEADLINE_MS, keepAlive: true
    })
    // A connection that is lost also fails the statement that waits for it, and that error is the one to report.
    client.on('error', () => {})
    try {
      await client.connect()
      return client
    } catch (error) {
      await client.end().catch(() => {})
      if (performance.now() + PAUSE_MS > giveUpAt) throw error
      logger.info({ reason: (error as Error).message }, 'Postgres lets nobody in yet, trying again')
      await delay(PAUSE_MS)
    }
  }
}
