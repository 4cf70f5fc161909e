/** The effects of Ctrl-C, more each time. SIGTERM counts the same. */
export interface Interruption {
  /** The first: post no more orders, but finish those in flight. */
  stopPosting: AbortSignal
  /** The second: stop everything now. */
  giveUp: AbortSignal
}

/** @param onGivenUp called at the third one, when stopping hangs too */
export function listenForInterruption (onGivenUp: () => void): Interruption {
  const stopPosting = new AbortController()
  const giveUp = new AbortController()
  const interrupt = () => {
    if (!stopPosting.signal.aborted) stopPosting.abort(new InterruptedError())
    else if (!giveUp.signal.aborted) giveUp.abort(new InterruptedError())
    else onGivenUp()
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  return { stopPosting: stopPosting.signal, giveUp: giveUp.signal }
}

export class InterruptedError extends Error {
  constructor () {
    super('interrupted')
    this.name = 'InterruptedError'
  }
}
