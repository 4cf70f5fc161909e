import type { Clock } from './clock.ts'
import { LeaseStoreError, type StoreRequest } from './store.ts'

/**
 * Waits `timeoutMs` for a reply, also from a store that ignores the signal: one hanging request must not end the term.
 * @throws LeaseStoreError for every error of the call
 */
export async function request<Reply> (
  clock: Clock, timeoutMs: number, what: string, call: (request: StoreRequest) => Promise<Reply>
): Promise<Reply> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const giveUp = new AbortController()
  const cancel = clock.setTimer(timeoutMs, () => {
    const error = new LeaseStoreError('unavailable', `${what}: no reply within ${timeoutMs} ms`)
    reject(error)
    giveUp.abort(error)
  })
  try {
    return await Promise.race([call({ signal: giveUp.signal, timeoutMs }), late])
  } catch (error) {
    throw LeaseStoreError.from(error)
  } finally {
    cancel()
  }
}
