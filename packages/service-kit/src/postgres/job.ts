import type { Logger } from 'pino'
import { isUnavailable } from './errors.ts'
import { RoleOwnedByAnotherError } from './role-password.ts'

const INSUFFICIENT_PRIVILEGE = '42501'
const SIGTERM_EXIT_CODE = 143

/** For a job. Process 1 of a container ignores signals without a handler: without this, SIGTERM waits for the whole grace period. */
export function endOnSigterm (): void {
  process.once('SIGTERM', () => { process.exit(SIGTERM_EXIT_CODE) })
}

/** A job gave up; `setting` is the setting to change. */
export class JobError extends Error {
  readonly code = 'JOB_FAILED'
  readonly setting: string

  constructor (setting: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'JobError'
    this.setting = setting
  }
}

/** Ends a job with exit code 1 and one log line, which names the setting to change. */
export function failJob (error: unknown, logger: Logger, message: string): void {
  const setting = settingOf(error)
  logger.fatal({ err: error, ...(setting === undefined ? {} : { setting }), event: 'job_failed' }, `${message}: ${(error as Error).message}`)
  process.exitCode = 1
}

function settingOf (error: unknown): string | undefined {
  if (error instanceof JobError) return error.setting
  if (error instanceof RoleOwnedByAnotherError) return 'MIGRATE_ROLE_OWNER'
  // A server that is away or refuses the role is a matter of DATABASE_URL. No setting can correct a wrong statement.
  const { code } = error as { code?: unknown }
  return isUnavailable(error) || code === INSUFFICIENT_PRIVILEGE ? 'DATABASE_URL' : undefined
}
