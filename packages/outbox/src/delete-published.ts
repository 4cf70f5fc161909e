/**
 * The part of a statement that deletes events which are in Kafka, as long as its CTE `held` has a row: the fence is checked
 * by the statement that deletes, or the epoch could change in between.
 *
 * The dead letter of a replayed event goes with it, which lets the aggregate's later events through.
 *
 * @param ids the parameter of the statement that has the ids, such as `$3`
 */
export function deletePublished (ids: string): string {
  return `published AS (
             DELETE FROM outbox_events WHERE id = ANY (${ids}::bigint[]) AND EXISTS (SELECT FROM held)
           ), replayed AS (
             DELETE FROM outbox_dead_letters
             WHERE id = ANY (${ids}::bigint[]) AND replayed_at IS NOT NULL AND EXISTS (SELECT FROM held)
           )`
}
