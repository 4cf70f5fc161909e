import { kafkajsModule } from '../module.ts'

interface RetryDefaults {
  initialRetryTime: number
  maxRetryTime: number
  retries: number
}

/**
 * Shortens the wait between two InitProducerId, the call that fences.
 *
 * kafkajs means to repeat it as the client is set to, but reads that from a property that its cluster does not have, and so
 * falls back to these defaults: 300 ms after "the transaction before is still completing", which is over in milliseconds. That
 * was most of a take-over. Everything else has a retry of its own. All together half a second, then the caller backs off.
 */
function patchRetryDefaults (): void {
  Object.assign(kafkajsModule<RetryDefaults>('retry/defaults', 'patches/retry-defaults.ts'), {
    initialRetryTime: 5, maxRetryTime: 20, retries: 30
  })
}

patchRetryDefaults()
