DO $$
BEGIN
  CREATE ROLE order_consumer LOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL;
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO order_consumer;
GRANT SELECT, INSERT, DELETE ON inbox TO order_consumer;
GRANT SELECT, INSERT, UPDATE ON order_views TO order_consumer;
GRANT SELECT, INSERT ON order_history TO order_consumer;
GRANT SELECT, INSERT, UPDATE ON consumer_stats TO order_consumer;
