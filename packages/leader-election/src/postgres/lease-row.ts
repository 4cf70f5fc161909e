/** Built by the server, so that a record looks the same whatever the session's time zone and the driver's parsers are. */
export const RECORD = `json_build_object(
  'holderIdentity', holder_identity, 'leaseDurationSeconds', lease_duration_seconds, 'leaseTransitions', lease_transitions,
  'acquireTime', to_char(acquire_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
  'renewTime', to_char(renew_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))`

/** Parameters: the name. Columns: record and version, as text. */
export const SELECT_LEASE = `SELECT ${RECORD}::text AS record, version::text FROM leader_lease WHERE name = $1`
