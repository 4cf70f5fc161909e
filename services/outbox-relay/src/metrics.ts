import { PublisherFencedError, RecordRefusedError, TopicUnavailableError } from '@orders/kafka'
import type { ElectorEvent } from '@orders/leader-election'
import { FencedError, type Backlog } from '@orders/outbox'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Batch } from './publishing/batch.ts'

const SECOND_MS = 1_000
const LATENCY_BUCKETS_S = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60]
const BATCH_BUCKETS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_000]

function declare (registry: Registry) {
  const of = { registers: [registry] }
  const byShard = { ...of, labelNames: ['shard'] as const }
  const seconds = { ...of, buckets: LATENCY_BUCKETS_S }
  return {
    published: new Counter({ name: 'relay_published_total', help: 'Events published and completed', ...of }),
    failures: new Counter({ name: 'relay_publish_failures_total', help: 'Terms that ended with an error', labelNames: ['kind'], ...of }),
    publishDuration: new Histogram({ name: 'relay_publish_duration_seconds', help: 'Claim, publish and complete of one batch', ...seconds }),
    commitToPublish: new Histogram({ name: 'relay_commit_to_publish_seconds', help: 'From the creation of the oldest event of a batch until the batch was in Kafka', ...seconds }),
    batchSize: new Histogram({ name: 'relay_batch_events', help: 'Events in a batch', buckets: BATCH_BUCKETS, ...of }),
    leader: new Gauge({ name: 'relay_leader', help: '1 while this relay publishes the shard', ...byShard }),
    epoch: new Gauge({ name: 'relay_epoch', help: 'The epoch of the newest takeover by this relay', ...byShard }),
    takeovers: new Counter({ name: 'relay_take_overs_total', help: 'Takeovers by this relay', ...byShard }),
    takeOverDuration: new Histogram({ name: 'relay_take_over_duration_seconds', help: 'From the raise of the epoch until publishing may begin', ...seconds }),
    takeOverGap: new Histogram({ name: 'relay_take_over_gap_seconds', help: 'How long the oldest event of the first batch after a takeover had waited', ...seconds }),
    fenced: new Counter({ name: 'relay_fenced_total', help: 'Terms that another relay ended', ...byShard }),
    positionForeign: new Counter({ name: 'relay_position_foreign_total', help: 'Takeovers that found a position of another database, or of another time, in Kafka', ...byShard }),
    leaseHeld: new Gauge({ name: 'relay_lease_held', help: '1 while this relay holds the lease of the shard', ...byShard }),
    leaseTransitions: new Gauge({ name: 'relay_lease_transitions', help: 'Changes of holder, as the lease counts them', ...byShard }),
    leaseRenewDuration: new Histogram({ name: 'relay_lease_renew_duration_seconds', help: 'One renewal of a lease', ...seconds }),
    leaseFailures: new Counter({ name: 'relay_lease_failures_total', help: 'Requests to the lease store that failed; a conflict is a lost race', labelNames: ['reason'], ...of }),
    deadLettered: new Counter({ name: 'relay_dead_lettered_total', help: 'Events that became dead letters', ...of }),
    topicsWithheld: new Gauge({ name: 'relay_topics_withheld', help: '1 while the topic cannot be written to and its events wait in the outbox', labelNames: ['topic'], ...of }),
    bookkeepingFailures: new Counter({ name: 'relay_bookkeeping_failures_total', help: 'Metrics and log lines that could not be kept', ...of }),
    readable: new Gauge({ name: 'outbox_readable', help: '1 while this relay can read the outbox; otherwise 0, and the other outbox metrics are NaN', ...of }),
    backlog: new Gauge({ name: 'outbox_backlog_events', help: 'Events in the outbox, counted up to 100,001', ...of }),
    oldestAge: new Gauge({ name: 'outbox_oldest_age_seconds', help: 'Age of the oldest event that can be published: neither behind a dead letter nor for a topic that cannot be written to; NaN while Postgres cannot be reached', ...of }),
    blocked: new Gauge({ name: 'outbox_blocked_events', help: 'Events that need an operator: behind a dead letter, or for a topic that cannot be written to; counted up to 10,001 each', labelNames: ['by'], ...of }),
    blockedAge: new Gauge({ name: 'outbox_blocked_oldest_age_seconds', help: 'Age of the oldest blocking dead letter, or of the oldest event for a topic that cannot be written to', labelNames: ['by'], ...of }),
    deadLetters: new Gauge({ name: 'outbox_dead_letters', help: 'Dead letters', ...of })
  }
}

/**
 * The relay's metrics. The README lists them, docs/operations.md the alerts.
 *
 * No method throws: a metric that cannot be kept must not end the work that it counts.
 */
export class RelayMetrics {
  readonly #metrics: ReturnType<typeof declare>

  constructor (registry: Registry) {
    this.#metrics = declare(registry)
    this.backlogUnknown()
  }

  /** Does bookkeeping. Its failure is counted, and goes no further. */
  #note (work: (metrics: ReturnType<typeof declare>) => void): void {
    try {
      work(this.#metrics)
    } catch {
      this.#metrics.bookkeepingFailures.inc()
    }
  }

  /** Gives each shard its series: a shard that no replica ever led would have none, and an alert on it could not fire. */
  competesFor (shards: number): void {
    this.#note(({ leader }) => {
      for (let shard = 0; shard < shards; shard++) leader.set({ shard }, 0)
    })
  }

  tookOver (shard: number, epoch: bigint, durationMs: number): void {
    this.#note((metrics) => {
      metrics.leader.set({ shard }, 1)
      metrics.epoch.set({ shard }, Number(epoch))
      metrics.takeovers.inc({ shard })
      metrics.takeOverDuration.observe(durationMs / SECOND_MS)
    })
  }

  termEnded (shard: number): void {
    this.#note(({ leader }) => { leader.set({ shard }, 0) })
  }

  termFailed (shard: number, error: unknown): void {
    this.#note(({ failures, fenced }) => {
      const kind = kindOf(error)
      failures.inc({ kind })
      if (kind === 'fenced') fenced.inc({ shard })
    })
  }

  published (batch: Batch, durationMs: number): void {
    this.#note((metrics) => {
      metrics.published.inc(batch.events.length)
      metrics.batchSize.observe(batch.events.length)
      metrics.publishDuration.observe(durationMs / SECOND_MS)
      metrics.commitToPublish.observe(waitedS(batch))
    })
  }

  /** The first batch of a term. */
  firstPublished (batch: Batch): void {
    this.#note(({ takeOverGap }) => { takeOverGap.observe(waitedS(batch)) })
  }

  positionForeign (shard: number): void {
    this.#note(({ positionForeign }) => { positionForeign.inc({ shard }) })
  }

  leaseEvent (shard: number, event: ElectorEvent): void {
    this.#note((metrics) => {
      switch (event.type) {
        case 'acquired':
          metrics.leaseHeld.set({ shard }, 1)
          break
        case 'renewed':
          metrics.leaseRenewDuration.observe(event.durationMs / SECOND_MS)
          break
        case 'work-ended':
          metrics.leaseHeld.set({ shard }, 0)
          break
        case 'holder-changed':
          metrics.leaseTransitions.set({ shard }, event.transitions)
          break
        case 'attempt-failed':
        case 'release-failed':
          metrics.leaseFailures.inc({ reason: event.error.reason })
          break
        default:
      }
    })
  }

  deadLettered (): void {
    this.#note(({ deadLettered }) => { deadLettered.inc() })
  }

  topicWithheld (topic: string, isWithheld: boolean): void {
    this.#note(({ topicsWithheld }) => { topicsWithheld.set({ topic }, isWithheld ? 1 : 0) })
  }

  backlog (backlog: Backlog): void {
    this.#setBacklog(1, backlog)
  }

  /** Postgres cannot be reached. The last values would be a false alert, or hide a true one. */
  backlogUnknown (): void {
    this.#setBacklog(0, { events: NaN, oldestAgeMs: NaN, blockedEvents: NaN, blockedAgeMs: NaN, withheldEvents: NaN, withheldAgeMs: NaN, deadLetters: NaN })
  }

  #setBacklog (readable: 0 | 1, { events, oldestAgeMs, blockedEvents, blockedAgeMs, withheldEvents, withheldAgeMs, deadLetters }: Backlog): void {
    this.#note((metrics) => {
      metrics.readable.set(readable)
      metrics.backlog.set(events)
      metrics.oldestAge.set(oldestAgeMs / SECOND_MS)
      metrics.blocked.set({ by: 'dead_letter' }, blockedEvents)
      metrics.blocked.set({ by: 'topic' }, withheldEvents)
      metrics.blockedAge.set({ by: 'dead_letter' }, blockedAgeMs / SECOND_MS)
      metrics.blockedAge.set({ by: 'topic' }, withheldAgeMs / SECOND_MS)
      metrics.deadLetters.set(deadLetters)
    })
  }
}

function kindOf (error: unknown): 'fenced' | 'refused' | 'topic' | 'uncertain' {
  if (error instanceof FencedError || error instanceof PublisherFencedError) return 'fenced'
  if (error instanceof RecordRefusedError) return 'refused'
  return error instanceof TopicUnavailableError ? 'topic' : 'uncertain'
}

/** How long the oldest event of the batch has waited, in seconds, by two clocks: the database's and this machine's. */
function waitedS ({ events: [oldest] }: Batch): number {
  return oldest === undefined ? 0 : Math.max(0, Date.now() - Date.parse(oldest.createdAt)) / SECOND_MS
}
