import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { ReceivedEvent } from './received-event.ts'
import type { Counts } from './repository.ts'

const SECOND_MS = 1_000

export class ConsumerMetrics {
  readonly #applied: Counter
  readonly #duplicates: Counter
  readonly #gaps: Counter
  readonly #deadLetters: Counter<'reason'>
  readonly #failures: Counter
  readonly #batch: Histogram
  readonly #endToEnd: Histogram

  constructor (registry: Registry) {
    const registers = [registry]
    this.#applied = new Counter({ name: 'consumer_applied_total', help: 'Events that took effect', registers })
    this.#duplicates = new Counter({ name: 'consumer_duplicates_total', help: 'Events that were applied before, or were older than the applied version', registers })
    this.#gaps = new Counter({ name: 'consumer_version_gaps_total', help: 'Missing versions', registers })
    this.#deadLetters = new Counter({ name: 'consumer_dead_letters_total', help: 'Records that became dead letters', labelNames: ['reason'], registers })
    this.#failures = new Counter({
      name: 'consumer_batch_failures_total', help: 'Failed attempts to apply a batch; rises during an outage', registers
    })
    this.#batch = new Histogram({
      name: 'consumer_batch_events', help: 'Events applied in one transaction', buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000], registers
    })
    this.#endToEnd = new Histogram({
      name: 'consumer_end_to_end_seconds',
      help: 'From the insert of an event into the outbox until the commit of its effect',
      buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
      registers
    })
  }

  countBatch (events: readonly ReceivedEvent[], { applied, duplicates, gaps }: Counts): void {
    this.#applied.inc(applied)
    this.#duplicates.inc(duplicates)
    this.#gaps.inc(gaps)
    if (events.length > 0) this.#batch.observe(events.length)
    const now = Date.now()
    for (const { occurredAt } of events) this.#endToEnd.observe(Math.max(0, now - occurredAt.getTime()) / SECOND_MS)
  }

  countFailure (): void {
    this.#failures.inc()
  }

  /** @param isMember read at each scrape */
  observeMembership (registry: Registry, isMember: () => boolean): void {
    registry.registerMetric(new Gauge({
      name: 'consumer_group_member',
      help: '1 while this consumer is a member of its group',
      registers: [],
      collect () { this.set(isMember() ? 1 : 0) }
    }))
  }

  /** @param isRefused read at each scrape */
  observeRefusal (registry: Registry, isRefused: () => boolean): void {
    registry.registerMetric(new Gauge({
      name: 'consumer_applying_refused',
      help: '1 while the tables refuse all events, so that nothing is applied',
      registers: [],
      collect () { this.set(isRefused() ? 1 : 0) }
    }))
  }

  /** @param count read at each scrape */
  observeUnreadable (registry: Registry, count: () => number): void {
    registry.registerMetric(new Gauge({
      name: 'consumer_unreadable_partitions',
      help: 'Partitions that wait because their next record batch is damaged, or has an unknown format',
      registers: [],
      collect () { this.set(count()) }
    }))
  }

  countDeadLetter (reason: string): void {
    this.#deadLetters.inc({ reason })
  }
}
