import type { LeaderElectionRecord, LeaseStore } from '@orders/leader-election'

/** One record on a real server, and writes to it that break the rules. */
export interface LeaseUnderTest {
  /** The store of another candidate. */
  store: () => LeaseStore
  /** Changes some fields past the compare-and-set. */
  edit: (fields: Partial<LeaderElectionRecord>) => Promise<void>
  /** Changes only the version. */
  touch: () => Promise<void>
  delete: () => Promise<void>
}

/** Creates leases, one for each test. */
export type Platform = () => LeaseUnderTest
