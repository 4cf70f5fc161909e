/** `NOTIFY` goes to everybody in the database who listens here; the payload names the lease. */
export const LEASE_CHANNEL = 'leader_lease'
