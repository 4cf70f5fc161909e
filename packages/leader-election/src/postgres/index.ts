export { PostgresLeaseStore, type PostgresLeaseStoreOptions, type SqlClient } from './postgres-lease-store.ts'
