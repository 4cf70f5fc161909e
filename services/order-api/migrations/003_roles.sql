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

-- order_api writes events and never reads, changes or deletes one.
GRANT SELECT, INSERT ON orders TO order_api;
GRANT UPDATE (status, version, updated_at) ON orders TO order_api;
GRANT SELECT, INSERT, DELETE ON idempotency_keys TO order_api;
GRANT INSERT ON outbox_events TO order_api;

-- outbox_relay knows nothing of orders.
GRANT SELECT, DELETE ON outbox_events TO outbox_relay;
GRANT SELECT, INSERT, UPDATE ON relay_shard TO outbox_relay;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox_dead_letters TO outbox_relay;

-- outbox_operator replays and discards dead letters.
GRANT SELECT, INSERT ON outbox_events TO outbox_operator;
GRANT SELECT, UPDATE, DELETE ON outbox_dead_letters TO outbox_operator;
