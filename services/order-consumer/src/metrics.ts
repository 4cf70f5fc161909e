import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Counts } from './apply/add-stats.ts'
import type { ReceivedEvent } from './apply/received-event.ts'

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
    this.#duplicates = new Counter({ name: 'consumer_duplicates_total', help: 'Events that were known already, or came too late', registers })
    this.#gaps = new Counter({ name: 'consumer_version_gaps_total', help: 'Versions that were missing before an event', registers })
    this.#deadLetters = new Counter({ name: 'consumer_dead_letters_total', help: 'Records put on the dead-letter topic', labelNames: ['reason'], registers })
    this.#failures = new Counter({
      name: 'consumer_batch_failures_total', help: 'Times that a batch could not be applied, and was given again; rises all through an outage', registers
    })
    this.#batch = new Histogram({
      name: 'consumer_batch_events', help: 'Events applied in one transaction', buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000], registers
    })
    this.#endToEnd = new Histogram({
      name: 'consumer_end_to_end_seconds',
      help: 'From the time of an event (its insert into the outbox) until its effect was committed',
      buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
      registers
    })
  }

  applied (events: readonly ReceivedEvent[], { applied, duplicates, gaps }: Counts): void {
    this.#applied.inc(applied)
    this.#duplicates.inc(duplicates)
    this.#gaps.inc(gaps)
    if (events.length > 0) this.#batch.observe(events.length)
    const now = Date.now()
    for (const { occurredAt } of events) this.#endToEnd.observe(Math.max(0, now - occurredAt.getTime()) / SECOND_MS)
  }

  failed (): void {
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
      help: '1 while the tables refuse events whatever is in them, so that nothing is applied',
      registers: [],
      collect () { this.set(isRefused() ? 1 : 0) }
    }))
  }

  /** @param count read at each scrape */
  observeUnreadable (registry: Registry, count: () => number): void {
    registry.registerMetric(new Gauge({
      name: 'consumer_unreadable_partitions',
      help: 'Partitions that wait because their next batch of records is damaged, or of an unknown format',
      registers: [],
      collect () { this.set(count()) }
    }))
  }

  deadLetter (reason: string): void {
    this.#deadLetters.inc({ reason })
  }
}
