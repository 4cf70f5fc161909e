import { kafkajsModule } from '../module.ts'

interface RetryDefaults {
  initialRetryTime: number
  maxRetryTime: number
  retries: number
}

/**
 * Shortens the delay between retries of InitProducerId, the request that fences.
 *
 * kafkajs is meant to retry it by the client's settings, but reads them from a property that its cluster does not have, and falls
 * back to its defaults: 300 ms after "the transaction before is still completing", which is over within milliseconds. That was most
 * of a takeover. All other requests use the client's settings. The retries take half a second together; then the caller backs off.
 */
function patchRetryDefaults (): void {
  Object.assign(kafkajsModule<RetryDefaults>('retry/defaults', 'patches/retry-defaults.ts'), {
    initialRetryTime: 5, maxRetryTime: 20, retries: 30
  })
}

patchRetryDefaults()
