import type { Logger } from 'pino'
import { isUnavailable } from '../postgres/is-unavailable.ts'
import { RoleOwnedByAnotherError } from '../postgres/role-password.ts'

const INSUFFICIENT_PRIVILEGE = '42501'

/** Why a job gave up, and the setting to change. */
export class JobError extends Error {
  readonly code = 'JOB_FAILED'
  readonly setting: string

  constructor (setting: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'JobError'
    this.setting = setting
  }
}

/** Ends a job with one line of the log, which names the setting to look at, and exit code 1. */
export function failJob (error: unknown, logger: Logger, message: string): void {
  const setting = settingOf(error)
  logger.fatal({ err: error, ...(setting === undefined ? {} : { setting }), event: 'job_failed' }, `${message}: ${(error as Error).message}`)
  process.exitCode = 1
}

function settingOf (error: unknown): string | undefined {
  if (error instanceof JobError) return error.setting
  if (error instanceof RoleOwnedByAnotherError) return 'MIGRATE_ROLE_OWNER'
  // Whatever cannot be connected to, or refuses us, is what DATABASE_URL names. A statement that is wrong is nobody's setting.
  const { code } = error as { code?: unknown }
  return isUnavailable(error) || code === INSUFFICIENT_PRIVILEGE ? 'DATABASE_URL' : undefined
}
