import type { Verdict } from '@orders/testing/checker/observation/verdict'
import type { TakeOver } from './take-overs.ts'

/** The JSON of `--report`. `takeovers` is there if the leader was killed, `byOthers` if anything came from others. */
export function toReport (verdict: Verdict, durationMs: number, takeovers: readonly TakeOver[] = []): Record<string, unknown> {
  const { ordersAccepted, eventsExpected, eventsInTopic, duplicatesInTopic, lost, outOfOrder, effects, byOthers } = verdict
  return {
    ordersAccepted,
    eventsExpected,
    eventsInTopic,
    duplicatesInTopic,
    lost,
    outOfOrder,
    effects,
    durationMs,
    ...Object.values(byOthers).some((count) => count > 0) ? { byOthers } : {},
    ...takeovers.length === 0 ? {} : { takeovers }
  }
}
