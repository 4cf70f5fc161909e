import { isTimeout, type OutboxEvent } from '@orders/outbox'

const LEAST = 2 ** -20
/** Postgres cannot make one text of it: more than a gigabyte. */
const PROGRAM_LIMIT_EXCEEDED = '54000'

export interface Limits {
  maxEvents: number
  maxBytes: number
}

/**
 * How much one read asks for. Where Postgres gives a read up, at its `statement_timeout` or because it cannot make one text
 * of a payload, the next one is a quarter as large; after each success twice as large again.
 */
export class ReadSize {
  #share = 1

  /** @throws the error that the smallest read ended with too */
  async read (limits: Limits, read: (limits: Limits) => Promise<OutboxEvent[]>): Promise<OutboxEvent[]> {
    for (;;) {
      const smaller = this.#shareOf(limits)
      try {
        const events = await read(smaller)
        this.#share = Math.min(1, this.#share * 2)
        return events
      } catch (error) {
        if ((!isTimeout(error) && !isUnprintable(error)) || (smaller.maxEvents === 1 && smaller.maxBytes === 1)) throw error
        this.#share = Math.max(LEAST, this.#share / 4)
        // The bytes are no limit of a single event: it is alone then.
        if (smaller.maxEvents === 1) this.#share = LEAST
      }
    }
  }

  #shareOf ({ maxEvents, maxBytes }: Limits): Limits {
    if (this.#share === LEAST) return { maxEvents: 1, maxBytes: 1 }
    return { maxEvents: Math.max(1, Math.floor(maxEvents * this.#share)), maxBytes: Math.max(1, Math.floor(maxBytes * this.#share)) }
  }
}

/** Whether an event alone is more than Postgres can print: no outage, and no smaller read helps. */
export function isUnprintable (error: unknown): boolean {
  return (error as { code?: unknown }).code === PROGRAM_LIMIT_EXCEEDED
}
