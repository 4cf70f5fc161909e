-- A leader finds its bound, keeps it, and moves it. What lowers it are triggers, with their owner's rights.
GRANT SELECT, UPDATE (shards, bound, stamp) ON outbox_scan TO outbox_relay;
GRANT EXECUTE ON FUNCTION outbox_scan_raise() TO outbox_relay;
