import { FencedError, type Backlog } from '@orders/outbox'
import { PublisherFencedError, RecordRefusedError, TopicUnavailableError } from '@orders/kafka'
import type { ElectorEvent } from '@orders/leader-election'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Batch } from './publishing/batch.ts'

const SECOND_MS = 1_000
const LATENCY_BUCKETS_S = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60]

/**
 * What the relay counts. The names are listed in docs/operations.md with what to alert on.
 *
 * No method throws: a figure that cannot be kept must not end the work that it counts.
 */
export class RelayMetrics {
  readonly #published: Counter
  readonly #failures: Counter<'kind'>
  readonly #publishDuration: Histogram
  readonly #commitToPublish: Histogram
  readonly #batchSize: Histogram
  readonly #leader: Gauge<'shard'>
  readonly #epoch: Gauge<'shard'>
  readonly #takeOvers: Counter<'shard'>
  readonly #takeOverDuration: Histogram
  readonly #takeOverGap: Histogram
  readonly #fenced: Counter<'shard'>
  readonly #positionForeign: Counter<'shard'>
  readonly #leaseHeld: Gauge<'shard'>
  readonly #leaseTransitions: Gauge<'shard'>
  readonly #leaseRenewDuration: Histogram
  readonly #leaseFailures: Counter<'reason'>
  readonly #deadLettered: Counter
  readonly #topicsWithheld: Gauge<'topic'>
  readonly #bookkeepingFailures: Counter
  readonly #readable: Gauge
  readonly #backlog: Gauge
  readonly #oldestAge: Gauge
  readonly #blocked: Gauge<'by'>
  readonly #blockedAge: Gauge<'by'>
  readonly #deadLetters: Gauge

  constructor (registry: Registry) {
    const registers = [registry]
    this.#published = new Counter({ name: 'relay_published_total', help: 'Events published and completed', registers })
    this.#failures = new Counter({
      name: 'relay_publish_failures_total', help: 'Terms that ended with an error', labelNames: ['kind'], registers
    })
    this.#publishDuration = new Histogram({
      name: 'relay_publish_duration_seconds', help: 'Claim, publish and complete of one batch', buckets: LATENCY_BUCKETS_S, registers
    })
    this.#commitToPublish = new Histogram({
      name: 'relay_commit_to_publish_seconds',
      help: 'From the creation of the oldest event of a batch until the batch was in Kafka',
      buckets: LATENCY_BUCKETS_S,
      registers
    })
    this.#batchSize = new Histogram({
      name: 'relay_batch_events', help: 'Events in a batch', buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_000], registers
    })
    this.#leader = new Gauge({ name: 'relay_leader', help: '1 while this relay publishes the shard', labelNames: ['shard'], registers })
    this.#epoch = new Gauge({ name: 'relay_epoch', help: 'The epoch of the newest take-over by this relay', labelNames: ['shard'], registers })
    this.#takeOvers = new Counter({ name: 'relay_take_overs_total', help: 'Take-overs by this relay', labelNames: ['shard'], registers })
    this.#takeOverDuration = new Histogram({
      name: 'relay_take_over_duration_seconds', help: 'From the raise of the epoch until publishing may begin', buckets: LATENCY_BUCKETS_S, registers
    })
    this.#takeOverGap = new Histogram({
      name: 'relay_take_over_gap_seconds', help: 'How long the oldest event of the first batch after a take-over had waited', buckets: LATENCY_BUCKETS_S, registers
    })
    this.#leaseHeld = new Gauge({ name: 'relay_lease_held', help: '1 while this relay holds the lease of the shard', labelNames: ['shard'], registers })
    this.#leaseTransitions = new Gauge({ name: 'relay_lease_transitions', help: 'Changes of holder, as the lease counts them', labelNames: ['shard'], registers })
    this.#leaseRenewDuration = new Histogram({
      name: 'relay_lease_renew_duration_seconds', help: 'One renewal of a lease', buckets: LATENCY_BUCKETS_S, registers
    })
    this.#leaseFailures = new Counter({
      name: 'relay_lease_failures_total', help: 'Requests to the lease store that failed; a conflict is a race that was lost', labelNames: ['reason'], registers
    })
    this.#fenced = new Counter({ name: 'relay_fenced_total', help: 'Terms that another relay ended', labelNames: ['shard'], registers })
    this.#positionForeign = new Counter({
      name: 'relay_position_foreign_total',
      help: 'Take-overs that found a position of another database, or of another time, in Kafka',
      labelNames: ['shard'],
      registers
    })
    this.#deadLettered = new Counter({ name: 'relay_dead_lettered_total', help: 'Events that became dead letters', registers })
    this.#backlog = new Gauge({ name: 'outbox_backlog_events', help: 'Events in the outbox, counted up to 100,001', registers })
    this.#oldestAge = new Gauge({
      name: 'outbox_oldest_age_seconds',
      help: 'Age of the oldest event that can be published: neither behind a dead letter nor for a topic that cannot be written to; NaN while Postgres cannot be asked',
      registers
    })
    this.#blocked = new Gauge({
      name: 'outbox_blocked_events',
      help: 'Events that wait for somebody to do something: behind a dead letter, or for a topic; counted up to 10,001 each',
      labelNames: ['by'],
      registers
    })
    this.#blockedAge = new Gauge({
      name: 'outbox_blocked_oldest_age_seconds', help: 'Age of the oldest blocking dead letter, or of the oldest event for a topic that cannot be written to', labelNames: ['by'], registers
    })
    this.#deadLetters = new Gauge({ name: 'outbox_dead_letters', help: 'Dead letters', registers })
    this.#readable = new Gauge({ name: 'outbox_readable', help: '1 while this relay can read the outbox, 0 while it cannot: the other figures of it are NaN then', registers })
    this.#topicsWithheld = new Gauge({
      name: 'relay_topics_withheld', help: '1 while the topic cannot be written to and its events wait in the outbox', labelNames: ['topic'], registers
    })
    this.#bookkeepingFailures = new Counter({ name: 'relay_bookkeeping_failures_total', help: 'Figures and log lines that could not be kept', registers })
    this.backlogUnknown()
  }

  /** Does what only counts or tells. Its failure is counted, and goes no further. */
  note (work: () => void): void {
    try {
      work()
    } catch {
      this.#bookkeepingFailures.inc()
    }
  }

  /** Gives each shard its series: one that no replica ever led would else have none, and an alert on it could not fire. */
  competesFor (shards: number): void {
    this.note(() => {
      for (let shard = 0; shard < shards; shard++) this.#leader.set({ shard: String(shard) }, 0)
    })
  }

  tookOver (shard: number, epoch: bigint, durationMs: number): void {
    this.note(() => {
      const labels = { shard: String(shard) }
      this.#leader.set(labels, 1)
      this.#epoch.set(labels, Number(epoch))
      this.#takeOvers.inc(labels)
      this.#takeOverDuration.observe(durationMs / SECOND_MS)
    })
  }

  termEnded (shard: number): void {
    this.note(() => {
      this.#leader.set({ shard: String(shard) }, 0)
    })
  }

  published (batch: Batch, durationMs: number): void {
    this.note(() => {
      this.#published.inc(batch.events.length)
      this.#batchSize.observe(batch.events.length)
      this.#publishDuration.observe(durationMs / SECOND_MS)
      this.#commitToPublish.observe(waitedS(batch))
    })
  }

  /** The first batch of a term. */
  firstPublished (batch: Batch): void {
    this.note(() => {
      this.#takeOverGap.observe(waitedS(batch))
    })
  }

  termFailed (shard: number, error: unknown): void {
    this.note(() => {
      const fenced = error instanceof FencedError || error instanceof PublisherFencedError
      this.#failures.inc({ kind: fenced ? 'fenced' : error instanceof RecordRefusedError ? 'refused' : error instanceof TopicUnavailableError ? 'topic' : 'uncertain' })
      if (fenced) this.#fenced.inc({ shard: String(shard) })
    })
  }

  positionForeign (shard: number): void {
    this.note(() => { this.#positionForeign.inc({ shard: String(shard) }) })
  }

  leaseEvent (shard: number, event: ElectorEvent): void {
    this.note(() => {
      const labels = { shard: String(shard) }
      switch (event.type) {
        case 'acquired':
          this.#leaseHeld.set(labels, 1)
          break
        case 'renewed':
          this.#leaseRenewDuration.observe(event.durationMs / SECOND_MS)
          break
        case 'work-ended':
          this.#leaseHeld.set(labels, 0)
          break
        case 'holder-changed':
          this.#leaseTransitions.set(labels, event.transitions)
          break
        case 'attempt-failed':
        case 'release-failed':
          this.#leaseFailures.inc({ reason: event.error.reason })
          break
        default:
      }
    })
  }

  deadLettered (): void {
    this.note(() => {
      this.#deadLettered.inc()
    })
  }

  topicWithheld (topic: string, isWithheld: boolean): void {
    this.note(() => { this.#topicsWithheld.set({ topic }, isWithheld ? 1 : 0) })
  }

  backlog ({ events, oldestAgeMs, blockedEvents, blockedAgeMs, withheldEvents, withheldAgeMs, deadLetters }: Backlog): void {
    this.note(() => {
      this.#readable.set(1)
      this.#backlog.set(events)
      this.#oldestAge.set(oldestAgeMs / SECOND_MS)
      this.#blocked.set({ by: 'dead_letter' }, blockedEvents)
      this.#blocked.set({ by: 'topic' }, withheldEvents)
      this.#blockedAge.set({ by: 'dead_letter' }, blockedAgeMs / SECOND_MS)
      this.#blockedAge.set({ by: 'topic' }, withheldAgeMs / SECOND_MS)
      this.#deadLetters.set(deadLetters)
    })
  }

  /** Postgres could not be asked. What it said before is nothing to alert on, and no reason not to. */
  backlogUnknown (): void {
    this.note(() => {
      this.#readable.set(0)
      for (const gauge of [this.#backlog, this.#oldestAge, this.#deadLetters]) gauge.set(NaN)
      for (const by of ['dead_letter', 'topic']) {
        this.#blocked.set({ by }, NaN)
        this.#blockedAge.set({ by }, NaN)
      }
    })
  }
}

/** How long the oldest event of the batch has waited until now, in seconds, by two clocks: its database's and ours. */
function waitedS ({ events: [oldest] }: Batch): number {
  return oldest === undefined ? 0 : Math.max(0, Date.now() - Date.parse(oldest.createdAt)) / SECOND_MS
}
