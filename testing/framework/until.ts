import { setTimeout as delay } from 'node:timers/promises'

export interface UntilOptions {
  /** For the error: "the backlog to be empty". */
  what: string
  deadlineMs?: number
}

/**
 * Waits until `probe` returns something other than false, undefined or null, and returns that. An error of the probe counts as
 * not yet.
 *
 * @throws Error that says what was waited for, and the probe's last result
 */
export async function until<T> (
  probe: () => Promise<T | false | undefined | null> | T | false | undefined | null, { what, deadlineMs = 30_000 }: UntilOptions
): Promise<T> {
  const giveUpAt = performance.now() + deadlineMs
  let pauseMs = 2
  for (;;) {
    let last: unknown
    try {
      const value = await probe()
      if (value !== false && value !== undefined && value !== null) return value
      last = value
    } catch (error) {
      last = error
    }
    if (performance.now() > giveUpAt) {
      throw new Error(`expected ${what} within ${deadlineMs} ms, found ${last instanceof Error ? last.message : String(last)}`, { cause: last })
    }
    await delay(pauseMs)
    pauseMs = Math.min(pauseMs * 2, 100)
  }
}
