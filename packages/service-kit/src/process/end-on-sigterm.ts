const SIGTERM_EXIT_CODE = 143

/** For a job: the first process of a container ignores signals that it does not handle, and is killed after the whole grace period. */
export function endOnSigterm (): void {
  process.once('SIGTERM', () => { process.exit(SIGTERM_EXIT_CODE) })
}
