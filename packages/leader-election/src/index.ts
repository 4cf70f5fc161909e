export { type TakenBecause, type ElectorEvent, type ElectorEventListener } from './events.ts'
export { SystemClock, type Clock } from './clock.ts'
export { DEFAULT_TIMINGS, type Timings } from './config.ts'
export { LeaderElector, type ElectorOptions, type Health, type Lead, type RunOptions } from './elector.ts'
export { ElectorConfigError, TermEndedError, type TermEnd } from './errors.ts'
export { parseRecord, type LeaderElectionRecord, type ParsedRecord, type RecordFields } from './record.ts'
export {
  LeaseStoreError, type LeaseObserver, type LeaseSnapshot, type LeaseStore, type LeaseStoreErrorReason, type LeaseWatch, type StoreRequest
} from './store.ts'
export { type LeaseTerm } from './term.ts'
