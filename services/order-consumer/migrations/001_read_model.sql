-- One row per event that was applied, or seen and found to be old. The primary key makes a second application impossible.
CREATE TABLE inbox (
  event_id    uuid PRIMARY KEY,
  received_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX inbox_by_age ON inbox (received_at);

-- The read model: what the events told of each order.
CREATE TABLE order_views (
  order_id    uuid PRIMARY KEY,
  customer_id text NOT NULL,
  status      text NOT NULL,
  -- The version of the newest event applied: older ones have no effect any more.
  version     bigint NOT NULL,
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL
);

CREATE INDEX order_views_of_customer ON order_views (customer_id, order_id);

-- Each change once: what an order went through, and what proves that every event took effect exactly once.
CREATE TABLE order_history (
  order_id    uuid NOT NULL,
  version     bigint NOT NULL,
  event_id    uuid NOT NULL,
  status      text NOT NULL,
  occurred_at timestamptz NOT NULL,
  PRIMARY KEY (order_id, version)
);

-- One row for each partition, so that two consumers never wait for each other's counts.
CREATE TABLE consumer_stats (
  partition    integer PRIMARY KEY,
  applied      bigint NOT NULL DEFAULT 0,
  duplicates   bigint NOT NULL DEFAULT 0,
  gaps         bigint NOT NULL DEFAULT 0,
  dead_letters bigint NOT NULL DEFAULT 0
);
