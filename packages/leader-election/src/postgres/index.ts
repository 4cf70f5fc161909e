export type { Connection } from './open-client.ts'
export { PostgresLeaseStore, type PostgresLeaseStoreOptions, type SqlClient } from './postgres-lease-store.ts'
export { countProcesses, ProcessSession, untilProcessEnds, type ProcessSessionOptions } from './process-session.ts'
