import type { LeaderElectionRecord, LeaseStore } from '@orders/leader-election'

/** One record on a real server, and the hands of somebody who does not play by the rules. */
export interface LeaseUnderTest {
  /** Another candidate's way to it. */
  store: () => LeaseStore
  /** Changes some fields without asking. */
  edit: (fields: Partial<LeaderElectionRecord>) => Promise<void>
  /** Changes the version and nothing of the record. */
  touch: () => Promise<void>
  delete: () => Promise<void>
}

/** Makes leases, one for each test. */
export type Platform = () => LeaseUnderTest
