-- One role for each program, without a password until the migration job is given one (MIGRATE_<ROLE>_PASSWORD). Roles
-- belong to the whole server: another database's migration may have made them already, or be making them just now.
DO $$
DECLARE
  role text;
BEGIN
  FOREACH role IN ARRAY ARRAY['order_api', 'outbox_relay', 'outbox_operator'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I LOGIN', role);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;
    END;
  END LOOP;
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO order_api, outbox_relay, outbox_operator;

-- order_api writes events and never reads, changes or deletes one. Where an order begins (PENDING, version 1), and the id and
-- time of an event, which decide its place in the outbox, are the tables' to say: those columns are not in the grants.
GRANT SELECT, INSERT (id, customer_id), UPDATE (status, version, updated_at) ON orders TO order_api;
GRANT SELECT, INSERT (key, request_hash, status_code, response), DELETE ON idempotency_keys TO order_api;
GRANT INSERT (event_id, aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers) ON outbox_events TO order_api;

-- outbox_relay knows nothing of orders.
GRANT SELECT, DELETE ON outbox_events TO outbox_relay;
GRANT SELECT, INSERT (shard, epoch, holder, taken_at) ON relay_shard TO outbox_relay;
GRANT UPDATE (epoch, holder, batch, claimed_ids, taken_at) ON relay_shard TO outbox_relay;
GRANT SELECT, INSERT, UPDATE (reason, blocking, failed_at, replayed_at), DELETE ON outbox_dead_letters TO outbox_relay;

-- outbox_operator replays dead letters, as they are, and discards them.
GRANT SELECT, INSERT ON outbox_events TO outbox_operator;
GRANT SELECT, UPDATE (replayed_at), DELETE ON outbox_dead_letters TO outbox_operator;
