import { kafkajsModule } from '../module.ts'

interface RequestQueue {
  pending: unknown[]
  throttledUntil: number
  scheduleCheckPendingRequests: () => void
}

/**
 * Stops kafkajs's timer from firing every millisecond, forever.
 *
 * After each request kafkajs schedules a check of the pending requests after `throttledUntil - now`. When nothing is throttled, that is
 * a large negative number, and Node makes 1 ms of it. Each check schedules the next, so an idle client costs 4 % of a core (and a
 * TimeoutNegativeWarning on Node 24). With nothing pending and nothing throttled, there is nothing to check.
 *
 * https://github.com/tulios/kafkajs/issues/1751
 */
function patchRequestQueue (): void {
  const { prototype } = kafkajsModule<{ prototype: RequestQueue }>('network/requestQueue', 'patches/request-queue.ts')
  const schedule = prototype.scheduleCheckPendingRequests
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this)
  }
}

patchRequestQueue()
