-- By default every role of the server may connect to every database and make temporary tables there. From inside a database a
-- role without any grant can still hold advisory locks, send notifications and store large objects. So: only our roles come in.
-- Whoever else reads this database (a dashboard, a backup that is no superuser) needs GRANT CONNECT from its owner.
--
-- Rights on the database itself belong to it and not to what is in it: they are not in a dump, and a copy of the database does
-- not have them. The migration job says so when it finds them missing.
DO $$
BEGIN
  EXECUTE format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO order_api, outbox_relay, outbox_operator', current_database());
END
$$;

-- Large objects have no CREATE right: whoever may call these functions can fill the disk. They belong to the superuser; another
-- owner of the database gets a warning here, and they stay as they are.
DO $$
BEGIN
  REVOKE EXECUTE ON FUNCTION pg_catalog.lo_creat(integer), pg_catalog.lo_create(oid), pg_catalog.lo_from_bytea(oid, bytea) FROM PUBLIC;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE WARNING 'only a superuser can revoke the functions that make large objects';
END
$$;

-- Where the locks of the Idempotency-Keys begin. An advisory lock is a number that every session of the database can take: were
-- it the key's bare hash, whoever guesses a key could have its requests answered with 409.
CREATE TABLE idempotency_lock_seed (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  seed bigint NOT NULL
);

INSERT INTO idempotency_lock_seed (seed) VALUES (('x' || substr(replace(gen_random_uuid()::text, '-', ''), 17))::bit(64)::bigint);

GRANT SELECT ON idempotency_lock_seed TO order_api;
