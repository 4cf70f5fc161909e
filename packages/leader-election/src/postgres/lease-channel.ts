/** `NOTIFY` goes to everybody in the database who listens here; the payload names the lease. */
export const LEASE_CHANNEL = 'leader_lease'

/**
 * The lease that a notice is about. A notice says that a lease may have changed, never to what: every role that can connect to
 * the database can send one, and a forged record could show a dead leader as alive for as long as its sender likes.
 *
 * @returns undefined for what is no notice
 */
export function leaseOf (payload = ''): string | undefined {
  let notice: unknown
  try {
    notice = JSON.parse(payload)
  } catch {
    return undefined
  }
  if (typeof notice !== 'object' || notice === null) return undefined
  const { name } = notice as { name?: unknown }
  return typeof name === 'string' ? name : undefined
}
