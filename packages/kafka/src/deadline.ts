/** A call did not settle in time. What the call began may still happen. */
export class DeadlineExceededError extends Error {
  readonly code = 'KAFKA_DEADLINE_EXCEEDED'

  constructor (what: string, deadlineMs: number) {
    super(`expected ${what} to end within ${deadlineMs} ms, found it still running`)
    this.name = 'DeadlineExceededError'
  }
}

/**
 * Settles as `work` does, or rejects after the deadline. kafkajs has no deadline for a call: its connection, request and retry
 * timeouts add up, and a call may hang between them.
 *
 * @param what names the work in the error: "publishing"
 * @throws DeadlineExceededError
 */
export async function withDeadline<T> (what: string, deadlineMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => { reject(new DeadlineExceededError(what, deadlineMs)) }, deadlineMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
