/** Built by the server, so that the record does not depend on the session's time zone or the driver's parsers. */
export const RECORD = `json_build_object(
  'holderIdentity', holder_identity, 'leaseDurationSeconds', lease_duration_seconds, 'leaseTransitions', lease_transitions,
  'acquireTime', to_char(acquire_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
  'renewTime', to_char(renew_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))`

/** Parameters: the name. Columns: record and version, as text. */
export const SELECT_LEASE = `SELECT ${RECORD}::text AS record, version::text FROM leader_lease WHERE name = $1`
