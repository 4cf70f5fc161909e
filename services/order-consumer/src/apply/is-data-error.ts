// https://www.postgresql.org/docs/current/errcodes-appendix.html
/** Cardinality, data, integrity constraint, check option, a limit such as the size of an index row. */
const EVENT_CLASSES = new Set(['21', '22', '23', '44', '54'])
/** RAISE EXCEPTION, of a trigger. */
const RAISED = 'P0001'

/**
 * Whether Postgres refuses an event for what it is. Anything else, known or not, says nothing of the event: an outage,
 * a table that is not there yet, a missing grant, a defect of ours. If those made dead letters, one wrong migration would
 * empty the topic into the dead-letter topic.
 */
export function refusesEvent (error: unknown): error is Error {
  const { code = '' } = (error ?? {}) as { code?: unknown }
  return error instanceof Error && typeof code === 'string' && code.length === 5 && (code === RAISED || EVENT_CLASSES.has(code.slice(0, 2)))
}
