import type { Reconciliation } from '@orders/testing/checker/observation/reconcile'
import type { Takeover } from '@orders/testing/faults/publishing-gaps'

/** The JSON of `--report`. `takeovers` is there if the leader was killed, `byOthers` if anything came from others. */
export function toReport (result: Reconciliation, durationMs: number, takeovers: readonly Takeover[] = []): Record<string, unknown> {
  const { ordersAccepted, eventsExpected, eventsInTopic, duplicatesInTopic, lost, outOfOrder, effects, byOthers } = result
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
