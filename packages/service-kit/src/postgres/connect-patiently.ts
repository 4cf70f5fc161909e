import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import type { Logger } from 'pino'
import { openClient, type ConnectionOptions } from './connection.ts'
import { PoolerError } from './pooler.ts'

const ATTEMPT_DEADLINE_MS = 10_000
const PAUSE_MS = 1_000

export interface ConnectPatientlyOptions {
  connection: ConnectionOptions
  /** For how long a Postgres that cannot be reached yet, or a role that cannot log in yet, is tried again. */
  deadlineMs: number
  logger: Logger
}

/** @throws what the last attempt said */
export async function connectPatiently ({ connection, deadlineMs, logger }: ConnectPatientlyOptions): Promise<pg.Client> {
  const giveUpAt = performance.now() + deadlineMs
  for (;;) {
    try {
      return await openClient({ ...connection, connectionTimeoutMillis: ATTEMPT_DEADLINE_MS })
    } catch (error) {
      if (error instanceof PoolerError || performance.now() + PAUSE_MS > giveUpAt) throw error
      logger.info({ event: 'postgres_not_reachable', reason: (error as Error).message }, 'Postgres does not accept connections yet, trying again')
      await delay(PAUSE_MS)
    }
  }
}
