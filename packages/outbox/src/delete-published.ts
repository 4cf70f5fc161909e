/**
 * The part of a statement that deletes events that are in Kafka, if its CTE `held` has a row. The same statement checks the fence and
 * deletes, because the epoch could change between two statements. An event with one of these ids and another event_id is a later
 * event, and stays.
 *
 * The dead letter of a replayed event is deleted too, which unblocks the aggregate's later events.
 *
 * @param ids the parameter of the statement with the ids, such as `$3`
 * @param eventIds the parameter with their event_ids
 */
export function deletePublished (ids: string, eventIds: string): string {
  const published = `unnest(${ids}::bigint[], ${eventIds}::uuid[]) AS p (id, event_id)`
  // NOT DISTINCT, not "=": the rows are looked up by the primary key, where they lie together, and not by the index of event_id.
  return `published AS (
             DELETE FROM outbox_events AS e USING ${published}
             WHERE e.id = p.id AND e.event_id IS NOT DISTINCT FROM p.event_id AND EXISTS (SELECT FROM held)
           ), replayed AS (
             DELETE FROM outbox_dead_letters AS d USING ${published}
             WHERE d.id = p.id AND d.event_id = p.event_id AND d.replayed_at IS NOT NULL AND EXISTS (SELECT FROM held)
           )`
}
