-- A row of consumer_stats gets a new version with every transaction of its partition, and while an old transaction is open vacuum
-- removes none of them. The primary key made each update slower than the one before: whenever a page was full, the check for
-- duplicates read every version. Without it, two consumers may insert a row each for one partition. The counts are their sum.
ALTER TABLE consumer_stats DROP CONSTRAINT consumer_stats_pkey;
ALTER TABLE consumer_stats ALTER COLUMN partition SET NOT NULL;

-- Without a primary key, logical replication needs it for updates.
ALTER TABLE consumer_stats REPLICA IDENTITY FULL;
