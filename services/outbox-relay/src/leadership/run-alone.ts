import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { ShardRelay } from '../publishing/shard-relay.ts'

/** A relay of one replica (RELAY_LEASE=none): publishes until `signal` is aborted. Two of them by mistake take turns. */
export async function runAlone (relay: ShardRelay, pauseMs: number, logger: Logger, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await relay.run(signal)
    } catch (error) {
      logger.warn({ event: 'publishing_ended', err: error, pauseMs }, 'publishing ended')
      await delay(pauseMs, undefined, { signal }).catch(() => {})
    }
  }
}
