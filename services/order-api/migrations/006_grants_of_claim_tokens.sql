GRANT INSERT (revision, layout) ON relay_shard TO outbox_relay;
GRANT UPDATE (revision, token, token_before, claimed_events, layout) ON relay_shard TO outbox_relay;
-- The first relay writes it; the program that changes it on purpose runs as the relay.
GRANT SELECT, INSERT (relay_name, shards, position_topic, delivery) ON relay_layout TO outbox_relay;
GRANT UPDATE (layout, relay_name, shards, position_topic, delivery, changing_until, written_at) ON relay_layout TO outbox_relay;
