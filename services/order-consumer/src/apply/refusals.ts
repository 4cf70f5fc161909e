import type pg from 'pg'
import type { ReceivedEvent } from './received-event.ts'

/** The tables refuse events whatever is in them, so that no event can be put aside for it. */
export class ApplyingRefusedError extends Error {
  readonly code = 'CONSUMER_APPLYING_REFUSED'
  readonly refusal: string

  constructor (refusal: string, found: string, cause: Error) {
    super(`expected tables that take events, found ${found}: ${refusal} (${cause.message}). Mend the table: nothing is put aside meanwhile, and all of it is applied afterwards`, { cause })
    this.name = 'ApplyingRefusedError'
    this.refusal = refusal
  }
}

/** What a refusal is about, so that two can be told to be the same: the SQLSTATE, and the constraint, column or trigger. */
export function describeRefusal (error: Error): string {
  const { code = '', table, constraint, column, where } = error as pg.DatabaseError
  const what = constraint ?? column ?? where?.split('\n', 1)[0]?.slice(0, 200) ?? ''
  return [code, table, what].filter((part) => part !== undefined && part !== '').join(' ')
}

/** Asks whether the tables take an event that nothing is wrong with. See {@link refusesControl}. */
export type AskControl = (refused: ReceivedEvent) => Promise<Error | undefined>

/**
 * Tells a record's own fault from the tables'.
 *
 * A refusal is the record's when the tables take another event of its kind (the control), and when not as many events in a
 * row, of which none took effect, met the same refusal. Otherwise a wrong migration would send the whole topic to the
 * dead-letter topic.
 */
export class Refusals {
  readonly #limit: number
  /** Events that the same refusal met since the last event that took effect. */
  readonly #inARow = new Map<string, { error: Error, events: Set<string> }>()

  /** @param limit so many different events in a row make it the tables' fault */
  constructor (limit: number) {
    this.#limit = limit
  }

  /** An event took effect. */
  tookEffect (): void {
    this.#inARow.clear()
  }

  /**
   * An event was refused.
   *
   * @throws ApplyingRefusedError when the control is refused too, or what the control met that says nothing of it
   */
  async refused (error: Error, event: ReceivedEvent, askControl: AskControl): Promise<void> {
    const control = await askControl(event)
    if (control !== undefined) throw new ApplyingRefusedError(describeRefusal(control), 'that they also refuse an event made up for a test', control)
    const refusal = describeRefusal(error)
    const met = this.#inARow.get(refusal) ?? { error, events: new Set() }
    met.events.add(event.eventId)
    this.#inARow.set(refusal, met)
  }

  /** Whether so many events in a row met the same refusal that only one that takes effect can speak for the tables. */
  get isLong (): boolean {
    return [...this.#inARow.values()].some(({ events }) => events.size >= this.#limit)
  }

  /** Before any of them is put aside. @throws ApplyingRefusedError */
  assertRecordsFault (): void {
    for (const [refusal, { error, events }] of this.#inARow) {
      if (events.size < this.#limit) continue
      throw new ApplyingRefusedError(refusal, `that they refused ${events.size} events in a row for the same reason, as many as CONSUMER_REFUSALS_IN_A_ROW allows or more`, error)
    }
  }
}
