import { setTimeout as delay } from 'node:timers/promises'
import type { Health } from '@orders/service-kit'
import type { Logger } from 'pino'
import type { LayoutGuard } from './layout-guard.ts'

export interface RunInLayoutOptions {
  guard: LayoutGuard
  health: Health
  /** Between two looks while the settings differ. */
  pauseMs: number
  logger: Logger
}

/**
 * Does the work while this relay's settings are those of its database's relays; while they are not, it waits, not ready, and
 * competes for no lease, so that it keeps none from a relay that could publish. So a rolling update with other settings stands
 * still with its old pods at work, and comes to its end when it is rolled back, or the layout is changed on purpose.
 *
 * A Postgres that cannot be asked holds nothing up: every take-over looks for itself.
 */
export async function runInLayout (
  { guard, health, pauseMs, logger }: RunInLayoutOptions, work: (signal: AbortSignal) => Promise<unknown>, signal: AbortSignal
): Promise<void> {
  health.addReadiness('layout', () => { if (guard.mismatch !== undefined) throw guard.mismatch })
  while (!signal.aborted) {
    let told = ''
    for (;;) {
      await guard.look().catch(() => {})
      const { mismatch } = guard
      if (mismatch === undefined || signal.aborted) break
      if (mismatch.message !== told) logger.error({ event: 'layout_mismatch', err: mismatch }, 'the settings are not those of this database\'s relays: not publishing')
      told = mismatch.message
      await delay(pauseMs, undefined, { signal }).catch(() => {})
    }
    if (signal.aborted) return
    if (told !== '') logger.info({ event: 'layout_matches' }, 'the settings are those of this database\'s relays again')
    const changed = new AbortController()
    guard.onMismatch(() => { changed.abort() })
    await work(AbortSignal.any([signal, changed.signal]))
  }
}
