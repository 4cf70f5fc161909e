-- Leases for leader election: one row per lease, with the fields of a Kubernetes Lease.
-- A candidate's role needs SELECT, INSERT and UPDATE; INSERT only if nobody else makes the row.

CREATE TABLE leader_lease (
  name text PRIMARY KEY,
  -- Empty: nobody holds the lease.
  holder_identity text NOT NULL,
  lease_duration_seconds integer NOT NULL CHECK (lease_duration_seconds > 0),
  -- By the holder's clock, for people. Nothing is decided by them.
  acquire_time timestamptz,
  renew_time timestamptz,
  lease_transitions integer NOT NULL CHECK (lease_transitions >= 0),
  -- Another one with each write: who writes presents the one it read. Random, because a counter would start again when the
  -- row is deleted and made anew, and a candidate that slept through that would replace a record that it never saw.
  version uuid NOT NULL DEFAULT gen_random_uuid()
);
