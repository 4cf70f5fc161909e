import { isTimeout, type OutboxEvent } from '@orders/outbox'

const LEAST = 2 ** -20
/** SQLSTATE: the text would be larger than a gigabyte, which Postgres cannot print. */
const PROGRAM_LIMIT_EXCEEDED = '54000'

export interface Limits {
  maxEvents: number
  maxBytes: number
}

/**
 * How much one read asks for. After a read that Postgres gave up (`statement_timeout`, or a payload that it cannot print), the next
 * one is a quarter as large. After each success the size doubles again.
 */
export class ReadSize {
  #share = 1

  /** @throws the error of the smallest read */
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
        // A single event is read whatever its size, so fewer bytes would be the same read.
        if (smaller.maxEvents === 1) this.#share = LEAST
      }
    }
  }

  #shareOf ({ maxEvents, maxBytes }: Limits): Limits {
    if (this.#share === LEAST) return { maxEvents: 1, maxBytes: 1 }
    return { maxEvents: Math.max(1, Math.floor(maxEvents * this.#share)), maxBytes: Math.max(1, Math.floor(maxBytes * this.#share)) }
  }
}

/** Whether a single event is more than Postgres can print: no outage, and no smaller read helps. */
export function isUnprintable (error: unknown): boolean {
  return (error as { code?: unknown }).code === PROGRAM_LIMIT_EXCEEDED
}
