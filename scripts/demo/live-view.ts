import { setTimeout as delay } from 'node:timers/promises'
import type { OrderLoad } from './order-load.ts'
import { quantile, readMetrics, type Metrics } from './readings.ts'
import type { Stage } from './stage.ts'

const EVERY_MS = 1_000
/** Latencies are those of the newest readings, so that a pause shows and passes. */
const WINDOW = 5

/** Shows how the demo is doing: redrawn in place in a terminal, else a line a second. */
export class LiveView {
  readonly #stage: Stage
  readonly #load: OrderLoad
  readonly #startedAt = performance.now()
  readonly #consumerReadings: Metrics[] = []
  #drawnLines = 0

  constructor (stage: Stage, load: OrderLoad) {
    this.#stage = stage
    this.#load = load
  }

  async run (signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.draw()
      await delay(EVERY_MS, undefined, { signal }).catch(() => {})
    }
  }

  async draw (): Promise<void> {
    const [relays, consumer] = await Promise.all([
      Promise.all(this.#stage.relays.map(readMetrics)),
      readMetrics(this.#stage.consumer)
    ])
    if (consumer.size > 0) this.#consumerReadings.push(consumer)
    if (this.#consumerReadings.length > WINDOW) this.#consumerReadings.shift()
    const oldest = this.#consumerReadings[0] ?? consumer
    const latency = (q: number) => milliseconds(quantile('consumer_end_to_end_seconds', q, oldest, consumer))
    this.#show([
      ['time', `${Math.round((performance.now() - this.#startedAt) / 1_000)} s`],
      ['accepted', `${this.#load.accepted.size} orders, ${this.#load.events} events`],
      ['published', `${sum(relays, 'relay_published_total')}`],
      ['applied', `${consumer.get('consumer_applied_total') ?? 0}`],
      ['backlog', `${Math.max(0, ...relays.map((relay) => relay.get('outbox_backlog_events') ?? 0))}`],
      ['oldest', `${Math.max(0, ...relays.map((relay) => relay.get('outbox_oldest_age_seconds') ?? 0)).toFixed(1)} s`],
      ['latency p50/p99', `${latency(0.5)} / ${latency(0.99)}`]
    ])
  }

  #show (fields: Array<[string, string]>): void {
    if (!process.stdout.isTTY) {
      console.log(fields.map(([name, value]) => `${name} ${value}`).join(' · '))
      return
    }
    if (this.#drawnLines > 0) process.stdout.write(`\u001b[${this.#drawnLines}A`)
    for (const [name, value] of fields) process.stdout.write(`\u001b[2K  ${name.padEnd(16)} ${value}\n`)
    this.#drawnLines = fields.length
  }
}

function sum (readings: readonly Metrics[], name: string): number {
  return readings.reduce((total, metrics) => total + (metrics.get(name) ?? 0), 0)
}

function milliseconds (seconds: number | undefined): string {
  return seconds === undefined ? '-' : `${(seconds * 1_000).toFixed(seconds < 0.1 ? 1 : 0)} ms`
}
