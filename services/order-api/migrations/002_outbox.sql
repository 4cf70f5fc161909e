-- The outbox: DDL of record. A service that owns a database copies this file into its migrations.
-- Needs Postgres 14 or newer.

-- One row per event that is not yet known to be in Kafka. A published row is deleted, so "the row exists" means
-- "not yet published": that stays true through a restored backup, a fail-over and manual repair, where a flag or a
-- cursor does not.
CREATE TABLE outbox_events (
  id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id          uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
  aggregate_type    text NOT NULL CHECK (aggregate_type <> ''),
  aggregate_id      text NOT NULL CHECK (aggregate_id <> ''),
  -- 1, 2, 3, … per aggregate: the writer takes it under the aggregate's row lock.
  aggregate_version bigint NOT NULL CHECK (aggregate_version > 0),
  event_type        text NOT NULL CHECK (event_type <> ''),
  payload           jsonb NOT NULL,
  headers           jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(headers) = 'object'),
  -- clock_timestamp(), not now(): a writer that waited for the aggregate's lock would else look older than the
  -- event it waited for. Nothing orders by this column; it is the event's time and the age of the backlog.
  created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Two writers that did not lock their aggregate collide here instead of publishing two events of one version.
  UNIQUE (aggregate_type, aggregate_id, aggregate_version)
)
-- Every row is inserted once and deleted once. Without these settings autovacuum waits for a fifth of a table that is
-- empty most of the time, and the head of the primary key fills with dead entries that every poll has to step over.
WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
      autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000,
      autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000,
      autovacuum_vacuum_cost_delay = 0);

-- Events that Kafka refused. A blocking row holds back the events of its aggregate with a higher id until it is
-- discarded, or replayed and published: a replayed event returns to outbox_events under its old id, and its dead
-- letter stays, still blocking, until the relay completes that event. Were it deleted at once, a relay could read a
-- successor before it notices the returned event.
CREATE TABLE outbox_dead_letters (
  id                bigint PRIMARY KEY,
  event_id          uuid NOT NULL,
  aggregate_type    text NOT NULL,
  aggregate_id      text NOT NULL,
  aggregate_version bigint NOT NULL,
  event_type        text NOT NULL,
  payload           jsonb NOT NULL,
  headers           jsonb NOT NULL,
  created_at        timestamptz NOT NULL,
  reason            text NOT NULL,
  blocking          boolean NOT NULL,
  failed_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  replayed_at       timestamptz
);

CREATE INDEX outbox_dead_letters_blocking ON outbox_dead_letters (aggregate_type, aggregate_id) WHERE blocking;

-- One row per shard: the fence (epoch) and the claim. A relay may complete events only while the epoch is still the
-- one it was given at take-over, in the same statement that deletes them.
CREATE TABLE relay_shard (
  shard       integer PRIMARY KEY CHECK (shard >= 0),
  epoch       bigint NOT NULL DEFAULT 0,
  holder      text,
  -- The number of the newest claimed batch. It is committed to Kafka inside the batch's own transaction.
  batch       bigint NOT NULL DEFAULT 0,
  -- The events of that batch, until it is known to be in Kafka or not.
  claimed_ids bigint[] NOT NULL DEFAULT '{}',
  taken_at    timestamptz
) WITH (fillfactor = 50);
