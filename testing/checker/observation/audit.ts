import pg from 'pg'

/**
 * Records the changes that no query can find after a run: published events are deleted, and no table keeps which relay changed
 * a row under which epoch. Triggers record both, in the transactions of the changes.
 *
 * Relays are told apart by `application_name`.
 */
const AUDIT = `
CREATE SCHEMA audit;

CREATE TABLE audit.enqueued (
  id                bigint PRIMARY KEY,
  event_id          uuid NOT NULL,
  aggregate_id      text NOT NULL,
  aggregate_version bigint NOT NULL,
  event_type        text NOT NULL,
  hash              text NOT NULL,
  -- Which of them a restore threw away is among those since its backup.
  tx                xid8 NOT NULL DEFAULT pg_current_xact_id()
);

CREATE INDEX ON audit.enqueued (tx);

CREATE TABLE audit.fence (
  -- Taken while the shard's row is locked: the order of these numbers is that of the commits.
  seq   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  what  text NOT NULL,
  by    text NOT NULL,
  shard integer,
  epoch bigint,
  ids   bigint[],
  -- A delete belongs to the shard whose row was changed with it.
  tx    xid8 NOT NULL DEFAULT pg_current_xact_id()
);

-- Written once a second, to measure a commit without a service in between.
CREATE TABLE audit.pulse (beats integer NOT NULL);
INSERT INTO audit.pulse VALUES (0);

CREATE FUNCTION audit.note_enqueued() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO audit.enqueued (id, event_id, aggregate_id, aggregate_version, event_type, hash)
  SELECT id, event_id, aggregate_id, aggregate_version, event_type, encode(sha256(convert_to(payload::text, 'UTF8')), 'hex') FROM added
  -- A replayed dead letter comes back under its old id.
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;

CREATE FUNCTION audit.note_deleted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO audit.fence (what, by, ids)
  SELECT 'delete', current_setting('application_name'), array_agg(id) FROM removed HAVING count(*) > 0;
  RETURN NULL;
END $$;

CREATE FUNCTION audit.note_shard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  INSERT INTO audit.fence (what, by, shard, epoch, ids) VALUES (
    CASE WHEN NEW.epoch <> OLD.epoch THEN 'takeover'
         WHEN NEW.batch <> OLD.batch AND cardinality(NEW.claimed_ids) > 0 THEN 'claim'
         ELSE 'complete' END,
    current_setting('application_name'), NEW.shard, NEW.epoch, NEW.claimed_ids);
  RETURN NULL;
END $$;

CREATE TRIGGER audit_enqueued AFTER INSERT ON outbox_events
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION audit.note_enqueued();
CREATE TRIGGER audit_deleted AFTER DELETE ON outbox_events
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION audit.note_deleted();
CREATE TRIGGER audit_shard AFTER UPDATE ON relay_shard
  FOR EACH ROW EXECUTE FUNCTION audit.note_shard();
`

/** @param url of the order-api's database, as its owner */
export async function installAudit (url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(AUDIT)
  } finally {
    await client.end()
  }
}
