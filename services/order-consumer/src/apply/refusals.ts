import { isUnavailable } from '@orders/service-kit'
import type pg from 'pg'
import type { ReceivedEvent } from './received-event.ts'

// https://www.postgresql.org/docs/current/errcodes-appendix.html
/** Cardinality, data, integrity constraint, check option, a limit such as the size of an index row. */
const DATA_ERROR_CLASSES = new Set(['21', '22', '23', '44', '54'])
/** RAISE EXCEPTION in a trigger. */
const RAISED = 'P0001'

/**
 * Whether Postgres refused the data of an event. All other errors say nothing about the event: an outage, a missing table or
 * grant, a defect of this service. If they made dead letters, one wrong migration would move the whole topic to the dead-letter
 * topic.
 */
export function isDataError (error: unknown): error is Error {
  const { code = '' } = (error ?? {}) as { code?: unknown }
  // A setting of the URL that Postgres refuses at the connect has the code of refused data.
  return error instanceof Error && !isUnavailable(error) && typeof code === 'string' && code.length === 5 && (code === RAISED || DATA_ERROR_CLASSES.has(code.slice(0, 2)))
}

/** The tables refuse events whatever their data, so no event may become a dead letter for it. */
export class TablesRefuseError extends Error {
  readonly code = 'CONSUMER_APPLYING_REFUSED'
  readonly refusal: string

  constructor (refusal: string, found: string, cause: Error) {
    super(`expected tables that accept events, found ${found}: ${refusal} (${cause.message}). Correct the table: nothing becomes a dead letter meanwhile, and all events are applied afterwards`, { cause })
    this.name = 'TablesRefuseError'
    this.refusal = refusal
  }
}

/** Identifies the reason of a refusal: the SQLSTATE, and the constraint, column or trigger. */
export function describeRefusal (error: Error): string {
  const { code = '', table, constraint, column, where } = error as pg.DatabaseError
  const what = constraint ?? column ?? where?.split('\n', 1)[0]?.slice(0, 200) ?? ''
  return [code, table, what].filter((part) => part !== undefined && part !== '').join(' ')
}

/** Tries a control event against the tables. See `tryControlEvent`. */
export type TryControl = (refused: ReceivedEvent) => Promise<Error | undefined>

/**
 * Decides whether an event or the tables are at fault when Postgres refuses an event.
 *
 * The event is at fault if two conditions hold. The tables accept a control event of the same kind. And fewer than `limit`
 * different events in a row were refused for the same reason. Otherwise a wrong migration would move the whole topic to the
 * dead-letter topic.
 */
export class Refusals {
  readonly #limit: number
  /** By reason: the events that were refused since the last event that took effect. */
  readonly #inARow = new Map<string, { error: Error, events: Set<string> }>()

  /** @param limit with this many different events in a row, the tables are at fault */
  constructor (limit: number) {
    this.#limit = limit
  }

  /** Call it when an event took effect. */
  tookEffect (): void {
    this.#inARow.clear()
  }

  /**
   * Call it when an event was refused.
   *
   * @throws TablesRefuseError if the control event is refused too. @throws the control event's error if it says nothing about the tables
   */
  async refused (error: Error, event: ReceivedEvent, tryControl: TryControl): Promise<void> {
    const control = await tryControl(event)
    if (control !== undefined) throw new TablesRefuseError(describeRefusal(control), 'that they also refuse a control event', control)
    const refusal = describeRefusal(error)
    const met = this.#inARow.get(refusal) ?? { error, events: new Set() }
    met.events.add(event.eventId)
    this.#inARow.set(refusal, met)
  }

  /** Whether the limit is reached for a reason. Then retries are useless until an event takes effect. */
  get isLong (): boolean {
    return [...this.#inARow.values()].some(({ events }) => events.size >= this.#limit)
  }

  /** Call it before any event becomes a dead letter. @throws TablesRefuseError if the limit is reached */
  assertRecordsFault (): void {
    for (const [refusal, { error, events }] of this.#inARow) {
      if (events.size < this.#limit) continue
      throw new TablesRefuseError(refusal, `that they refused ${events.size} events in a row for the same reason, CONSUMER_REFUSALS_IN_A_ROW or more`, error)
    }
  }
}
