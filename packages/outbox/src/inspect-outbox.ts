import { OutboxOrderError } from './errors.ts'
import { onlyRow, type SqlClient } from './sql-client.ts'

interface Inserting {
  name: string
  source: string
}

/** The trigger of `sql/003-scan-bound.sql`. */
const OWN_TRIGGER = 'outbox_event_returns'

/**
 * Checks how `outbox_events` gives out ids. The events of one aggregate are published in the order of their ids, so the ids have to
 * rise in the order of the aggregate's writers, whatever session each writer has.
 *
 * @returns warnings: what may change the order, for an operator to check
 * @throws OutboxOrderError when the order certainly changes
 */
export async function inspectOutbox (client: SqlClient): Promise<string[]> {
  const { rows } = await client.query({
    text: `SELECT s.seqcache::text AS cache, s.seqincrement::text AS increment, s.seqcycle AS cycle,
                  newest::text AS newest, EXISTS (SELECT FROM outbox_events WHERE id > newest) AS set_back,
                  (SELECT coalesce(json_agg(json_build_object('name', t.tgname, 'source', p.prosrc)), '[]')
                   FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
                   -- Row, before, insert: see pg_trigger.h.
                   WHERE t.tgrelid = 'outbox_events'::regclass AND t.tgtype & 7 = 7 AND NOT t.tgisinternal
                     AND t.tgenabled <> 'D') AS triggers,
                  (SELECT coalesce(json_agg(rulename), '[]') FROM pg_rewrite
                   WHERE ev_class = 'outbox_events'::regclass AND ev_type = '3') AS rules
           FROM outbox_scan_raise() AS newest
           LEFT JOIN pg_sequence AS s ON s.seqrelid = pg_get_serial_sequence('outbox_events', 'id')::regclass`
  })
  const row = onlyRow(rows, 'the catalog')
  const triggers = row.triggers as Inserting[]
  const others = triggers.filter(({ name }) => name !== OWN_TRIGGER)
  const problems = [
    ...wrongSequence(row),
    ...others.filter(({ source }) => /\bnew\s*\.\s*"?id"?\s*:?=/i.test(source))
      .map(({ name }) => `expected no trigger to set outbox_events.id, found ${name}: DROP TRIGGER ${name} ON outbox_events`)
  ]
  if (problems.length > 0) throw new OutboxOrderError(problems)
  return [
    ...others.map(({ name }) => `trigger ${name} changes or holds back what is inserted into outbox_events: ids have to keep the order of the inserts`),
    ...(row.rules as string[]).map((name) => `rule ${name} rewrites inserts into outbox_events: ids have to keep the order of the inserts`),
    ...(triggers.length === others.length ? [`trigger ${OWN_TRIGGER} is missing or disabled: an event that comes back under an old id waits for a sweep`] : []),
    ...(row.set_back === true
      ? [`the identity of outbox_events was set back to ${String(row.newest)}, and events with higher ids wait: later events of their aggregates are published before them. Set it forward: SELECT setval(pg_get_serial_sequence('outbox_events', 'id'), max(id)) FROM outbox_events`]
      : [])
  ]
}

function wrongSequence ({ cache, increment, cycle }: Record<string, unknown>): string[] {
  const repair = (change: string) => `ALTER TABLE outbox_events ALTER COLUMN id SET ${change}`
  if (cache === null) return ['expected outbox_events.id to be GENERATED ALWAYS AS IDENTITY, found a column without a sequence of its own']
  return [
    // Each session would take a block of ids, and of two writers the later one could get the lower id.
    ...(cache === '1' ? [] : [`expected the identity of outbox_events to have CACHE 1, found ${String(cache)}: ${repair('CACHE 1')}`]),
    ...(String(increment).startsWith('-') ? [`expected the identity of outbox_events to rise, found INCREMENT BY ${String(increment)}: ${repair('INCREMENT BY 1')}`] : []),
    ...(cycle === true ? [`expected the identity of outbox_events not to start again, found CYCLE: ${repair('NO CYCLE')}`] : [])
  ]
}
