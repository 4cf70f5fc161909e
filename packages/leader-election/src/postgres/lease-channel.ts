/** Every session of the database that LISTENs here gets the notification. The payload names the lease. */
export const LEASE_CHANNEL = 'leader_lease'

/**
 * The lease that a notification is about. A notification says that a lease may have changed, and not to what: every role that can
 * connect to the database can send one, and a forged record could show a dead leader as alive.
 *
 * @returns undefined for any other payload
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
