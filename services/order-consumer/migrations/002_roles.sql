DO $$
BEGIN
  CREATE ROLE order_consumer LOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL;
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO order_consumer;
GRANT SELECT, INSERT (event_id), DELETE ON inbox TO order_consumer;
-- Whose order it is, and since when, never changes.
GRANT SELECT, INSERT, UPDATE (status, version, updated_at) ON order_views TO order_consumer;
-- History is only ever added to.
GRANT SELECT, INSERT ON order_history TO order_consumer;
GRANT SELECT, INSERT, UPDATE (applied, duplicates, gaps, dead_letters) ON consumer_stats TO order_consumer;
