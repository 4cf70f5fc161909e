-- Where each shard's read of the outbox may begin. Published rows are deleted, and while any old transaction is open
-- vacuum cannot remove them: a read from the beginning would step over every one of them.

-- The bound of a shard: no event of this shard with a lower or equal id can be read now. It lives here and not only in the
-- leader's memory so that a new leader does not begin from 0, and so that it goes back with a restored database.
--
-- No index, on purpose. The leader finds its row by ctid: an index (and the chain of the row's versions) gets longer with
-- each update while an old transaction is open. One row for each shard that RELAY_SHARDS allows.
CREATE TABLE outbox_scan (
  shard  integer NOT NULL CHECK (shard >= 0),
  -- The number of shards that the bounds are for. The same in all rows.
  shards integer NOT NULL DEFAULT 1,
  bound  bigint NOT NULL DEFAULT 0,
  -- Changes whenever something below a bound may have become readable. A leader's read carries the stamp that it knows, and
  -- returns nothing when that is no longer the row's.
  stamp  bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

INSERT INTO outbox_scan (shard) SELECT generate_series(0, 63);

-- No bound, in a row above or in a leader's memory, is higher than this sequence's last value. An insert of a lower id is
-- an event that came back. A sequence and not a table: every insert of an event looks at it, and it never has dead rows.
CREATE SEQUENCE outbox_scan_limit AS bigint MINVALUE -9223372036854775808;
SELECT setval('outbox_scan_limit', 0);
-- It is asked with the rights of whoever inserts an event.
GRANT SELECT ON SEQUENCE outbox_scan_limit TO PUBLIC;

-- Lowers every bound in the transaction that makes an event readable again, and stamps the rows.
CREATE FUNCTION outbox_scan_lower(readable_from bigint) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  -- Once a transaction is enough where the bound is low enough already: an insert of a hundred thousand old ids would else
  -- leave as many versions of the row, and read all of them each time.
  IF NOT EXISTS (SELECT FROM outbox_scan
                 WHERE shard < shards AND (bound >= readable_from OR xmin <> pg_current_xact_id()::xid)) THEN
    RETURN;
  END IF;
  -- In one order: two transactions that lower the bounds of several shards would else deadlock.
  PERFORM FROM outbox_scan WHERE shard < shards ORDER BY shard FOR UPDATE;
  -- Lower than needed by some: ids that come back in descending order would else change the row once each.
  UPDATE outbox_scan
  SET bound = CASE WHEN bound >= readable_from THEN readable_from - 1000 ELSE bound END, stamp = stamp + 1
  WHERE shard < shards AND (bound >= readable_from OR xmin <> pg_current_xact_id()::xid);
END $$;

-- Called by a leader before it moves a bound: raises the limit to the newest id that was handed out, and returns it.
-- Where the identity was set back (TRUNCATE RESTART IDENTITY, setval), it lowers the limit and every bound.
CREATE FUNCTION outbox_scan_raise() RETURNS bigint
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  ids    text := pg_get_serial_sequence('outbox_events', 'id');
  newest bigint;
  passed bigint;
BEGIN
  -- Without a sequence nothing is known of ids that can still appear: no bound moves.
  IF ids IS NULL THEN
    RETURN (SELECT last_value FROM outbox_scan_limit);
  END IF;
  -- Two leaders at a time would write the lower of two limits last.
  PERFORM pg_advisory_xact_lock('outbox_scan_limit'::regclass::oid::bigint);
  EXECUTE format('SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM %s', ids) INTO newest;
  SELECT last_value INTO passed FROM outbox_scan_limit;
  IF newest < passed THEN
    UPDATE outbox_scan SET bound = least(bound, newest), stamp = stamp + 1;
  END IF;
  IF newest <> passed THEN
    PERFORM setval('outbox_scan_limit', newest);
  END IF;
  RETURN newest;
END $$;

REVOKE EXECUTE ON FUNCTION outbox_scan_lower(bigint), outbox_scan_raise() FROM PUBLIC;

-- An event that comes back under an old id: a replayed dead letter, a repair by hand, an identity that was set back.
-- Its writer holds the table's lock by now. So either the limit is above its id here, or the leader that raises the limit
-- afterwards sees this writer and waits for it.
CREATE FUNCTION outbox_event_returns() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM outbox_scan_lower(NEW.id);
  RETURN NEW;
END $$;

-- The comparison is all that an ordinary insert pays for it: less than a microsecond. In the function it would be ten.
CREATE TRIGGER outbox_event_returns BEFORE INSERT OR UPDATE OF id, aggregate_type, aggregate_id ON outbox_events
  FOR EACH ROW WHEN (NEW.id <= pg_sequence_last_value('outbox_scan_limit'::regclass)) EXECUTE FUNCTION outbox_event_returns();

-- A dead letter that stops blocking (it was discarded, or its replayed event is published) lets later events through.
CREATE FUNCTION outbox_dead_letter_unblocks() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM outbox_scan_lower(CASE WHEN TG_OP = 'TRUNCATE' THEN 0 ELSE OLD.id END);
  RETURN NULL;
END $$;

CREATE TRIGGER outbox_dead_letter_unblocks_deleted AFTER DELETE ON outbox_dead_letters
  FOR EACH ROW WHEN (OLD.blocking) EXECUTE FUNCTION outbox_dead_letter_unblocks();
CREATE TRIGGER outbox_dead_letter_unblocks_updated AFTER UPDATE OF id, aggregate_type, aggregate_id, blocking ON outbox_dead_letters
  FOR EACH ROW WHEN (OLD.blocking AND (OLD.id, OLD.aggregate_type, OLD.aggregate_id, OLD.blocking)
                       IS DISTINCT FROM (NEW.id, NEW.aggregate_type, NEW.aggregate_id, NEW.blocking))
  EXECUTE FUNCTION outbox_dead_letter_unblocks();
CREATE TRIGGER outbox_dead_letter_unblocks_truncated AFTER TRUNCATE ON outbox_dead_letters
  FOR EACH STATEMENT EXECUTE FUNCTION outbox_dead_letter_unblocks();

-- Also for rows that replication or a restore brings.
ALTER TABLE outbox_events ENABLE ALWAYS TRIGGER outbox_event_returns;
ALTER TABLE outbox_dead_letters ENABLE ALWAYS TRIGGER outbox_dead_letter_unblocks_deleted;
ALTER TABLE outbox_dead_letters ENABLE ALWAYS TRIGGER outbox_dead_letter_unblocks_updated;
ALTER TABLE outbox_dead_letters ENABLE ALWAYS TRIGGER outbox_dead_letter_unblocks_truncated;
