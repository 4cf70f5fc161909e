const FIRST = 10_000n
const LEAST = 500n
/** Above every id. */
const MOST = 1n << 62n
const QUICK_MS = 25
const SLOW_MS = 150

/**
 * How many ids one statement may scan. The cost of a range is unknown before: it may be a gap, or full of dead rows. So the range
 * doubles after a quick one, halves after a slow one, and becomes much smaller after one that Postgres gave up.
 */
export class ScanRange {
  #size = FIRST
  #ceiling = MOST

  get size (): bigint {
    return this.#size
  }

  /** Runs a statement over one range. @returns undefined when it timed out, and a smaller range is to be tried */
  async time <T> (statement: () => Promise<T>): Promise<T | undefined> {
    const startedAt = performance.now()
    try {
      const result = await statement()
      const ms = performance.now() - startedAt
      if (ms < QUICK_MS) this.#grow()
      else if (ms > SLOW_MS) this.#shrink()
      return result
    } catch (error) {
      if (!isTimeout(error) || this.#size === LEAST) throw error
      // A range that grew in a gap must not grow as large again before the dead rows behind the gap.
      this.#ceiling = this.#size > 16n * FIRST ? this.#size / 16n : max(this.#size / 2n, LEAST)
      this.#size = LEAST
      return undefined
    }
  }

  #grow (): void {
    if (this.#size < this.#ceiling) this.#size = this.#size * 2n < this.#ceiling ? this.#size * 2n : this.#ceiling
    // A size that was too large once may fit later.
    else if (this.#ceiling < MOST) this.#ceiling += this.#ceiling / 8n
  }

  #shrink (): void {
    this.#size = max(this.#size / 2n, LEAST)
  }
}

function max (a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

/** The statement timed out or was cancelled, by Postgres (`statement_timeout`) or by the driver. */
export function isTimeout (error: unknown): boolean {
  const { code, message } = error as { code?: unknown, message?: unknown }
  return code === '57014' || message === 'Query read timeout'
}
