-- relay_shard gets a new version of its row with every claim, and while an old transaction is open vacuum removes none of them.
-- The primary key made each claim slower than the one before: whenever a page was full, the check for duplicates read every
-- version. And a takeover, which does not know the place of the row, searched all of them.

ALTER TABLE relay_shard DROP CONSTRAINT relay_shard_pkey;
ALTER TABLE relay_shard ALTER COLUMN shard SET NOT NULL;

-- Read backwards, it begins with the newest version. It is not unique, so that no insert reads older versions.
CREATE INDEX relay_shard_newest ON relay_shard (shard, batch);

-- Without a primary key, logical replication needs it for updates.
ALTER TABLE relay_shard REPLICA IDENTITY FULL;
ALTER TABLE outbox_scan REPLICA IDENTITY FULL;

-- Inserts the row of a shard that has none, as the relay that takes it over expects it to be. In place of the primary key: of
-- two relays that call it concurrently, the second one waits, and then finds the row.
CREATE FUNCTION outbox_shard_row(of_shard integer, as_epoch bigint, as_holder text, as_revision uuid) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF (SELECT true FROM relay_shard WHERE shard = of_shard ORDER BY batch DESC LIMIT 1) THEN
    RETURN;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('relay_shard'), of_shard);
  INSERT INTO relay_shard (shard, epoch, holder, revision)
  SELECT of_shard, as_epoch, as_holder, as_revision
  WHERE NOT EXISTS (SELECT FROM relay_shard WHERE shard = of_shard);
END $$;

REVOKE EXECUTE ON FUNCTION outbox_shard_row(integer, bigint, text, uuid) FROM PUBLIC;
