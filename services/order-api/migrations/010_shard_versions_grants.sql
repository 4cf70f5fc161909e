-- The function inserts the rows.
REVOKE INSERT ON relay_shard FROM outbox_relay;
GRANT EXECUTE ON FUNCTION outbox_shard_row(integer, bigint, text, uuid) TO outbox_relay;
