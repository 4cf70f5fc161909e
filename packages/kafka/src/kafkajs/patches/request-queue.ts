import { kafkajsModule } from '../module.ts'

interface RequestQueue {
  pending: unknown[]
  throttledUntil: number
  scheduleCheckPendingRequests: () => void
}

/**
 * Stops kafkajs's timer from firing every millisecond for ever.
 *
 * After each request it schedules a look at the requests that wait, at `throttledUntil - now`, which is a large negative
 * number when nothing is throttled: Node makes 1 ms of it, the look schedules the next, and an idle client costs 4 % of a
 * core (and a TimeoutNegativeWarning on Node 24). With nothing waiting and nothing throttled there is nothing to look at.
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
