import type { ElectorEvent } from '@orders/leader-election'
import type { Logger } from 'pino'

/** Logs an election. Events that happen all the time are at level debug. */
export function logElection (logger: Logger, shard: number, event: ElectorEvent): void {
  const { type, ...fields } = event
  const { error, ...rest } = fields as { error?: unknown }
  const entry = { shard, election: type, ...rest, ...error === undefined ? {} : { err: error } }
  switch (type) {
    case 'acquired':
      logger.info({ event: 'lease_acquired', ...entry }, 'holding the lease')
      break
    case 'holder-changed':
      logger.info({ event: 'lease_holder_changed', ...entry }, 'the lease has another holder')
      break
    case 'released':
      logger.info({ event: 'lease_released', ...entry }, 'the lease is released')
      break
    case 'term-ended':
      logger.info({ event: 'stepping_down', ...entry }, 'stepping down')
      break
    case 'work-failed':
      logger.warn({ event: 'publishing_ended', ...entry }, 'publishing ended')
      break
    case 'leading-unconfirmed':
      logger.warn({ event: 'leading_unconfirmed', ...entry }, 'the lease cannot be renewed; publishing goes on under the fences')
      break
    case 'release-failed':
      logger.warn({ event: 'lease_not_released', ...entry }, 'the lease was not released; the other replicas wait until it expires')
      break
    case 'malformed-record':
      logger.warn({ event: 'lease_malformed', ...entry }, 'the lease holds values that no elector writes')
      break
    case 'attempt-failed':
      if (event.error.reason === 'conflict') logger.debug({ event: 'lease_race_lost', ...entry }, 'lost a race for the lease')
      else logger.warn({ event: 'lease_store_failed', ...entry }, 'the lease store failed')
      break
    case 'watch-failed':
      logger.debug({ event: 'lease_watch_failed', ...entry }, 'the watch of the lease failed; polling goes on')
      break
    case 'renewed':
    case 'work-ended':
    case 'challenge-void':
      logger.debug({ event: 'election', ...entry }, type)
  }
}
