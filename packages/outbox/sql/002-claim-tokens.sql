-- Names in place of numbers. A number comes again after a restore, and in every other database: a batch number, an epoch or an
-- id that is equal proves nothing. A random name never comes again.

ALTER TABLE relay_shard
  -- Changes with every statement that changes the row, and each statement presents the one that its predecessor wrote. So a
  -- relay that knows the row from before a restore is refused, even where the epoch is the same again.
  ADD COLUMN revision uuid NOT NULL DEFAULT gen_random_uuid(),
  -- The name of the newest claimed batch. It is committed to Kafka in the transaction of that batch: the batch is in Kafka
  -- if, and only if, Kafka has this name. '' is the name of no batch: nothing was claimed yet, or by a version without names,
  -- and an outstanding claim without a name is published again.
  ADD COLUMN token text NOT NULL DEFAULT '',
  -- The name that Kafka has as long as that batch is not in it. Anything else in Kafka is of another database or another
  -- time.
  ADD COLUMN token_before text NOT NULL DEFAULT '',
  -- The event_id of each of claimed_ids, in the same order: an event is deleted only if both are equal. A sequence that was
  -- set back (a restore, TRUNCATE … RESTART IDENTITY) gives the ids of published events to new ones.
  ADD COLUMN claimed_events uuid[] NOT NULL DEFAULT '{}',
  -- The layout (see relay_layout) under which the shard was taken over; NULL in rows of a version without layouts.
  ADD COLUMN layout uuid;

-- What every relay of this database has to agree on, written by the first one. A relay with other settings does not publish:
-- with another number of shards or another name it would publish what the others are publishing.
CREATE TABLE relay_layout (
  -- One row.
  one            boolean PRIMARY KEY DEFAULT true CHECK (one),
  layout         uuid NOT NULL DEFAULT gen_random_uuid(),
  relay_name     text NOT NULL,
  shards         integer NOT NULL CHECK (shards > 0),
  position_topic text NOT NULL,
  delivery       text NOT NULL,
  -- A change of the layout is under way: until then no relay takes a shard over. It only keeps them out of the way of the
  -- change, which checks for itself that none did.
  changing_until timestamptz NOT NULL DEFAULT '-infinity',
  written_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
