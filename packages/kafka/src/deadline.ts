/** A call that did not settle in its time. What it began may still happen. */
export class DeadlineExceededError extends Error {
  readonly code = 'KAFKA_DEADLINE_EXCEEDED'

  constructor (what: string, deadlineMs: number) {
    super(`${what} expected to end within ${deadlineMs} ms, did not`)
    this.name = 'DeadlineExceededError'
  }
}

/**
 * kafkajs has no deadline for a call: connection, request and retry time-outs add up, and a call may hang between them.
 *
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
