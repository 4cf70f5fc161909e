import { setTimeout as delay } from 'node:timers/promises'
import type { OrderLoad } from '@orders/testing/traffic/order-load'
import type { OutboxWatch } from '@orders/testing/checker/observation/outbox-watch'
import type { LeaderKills } from './leader-kills.ts'
import { quantile, readMetrics, Total, type Metrics } from '@orders/testing/framework/metrics'
import type { DemoSystem } from './system.ts'

const EVERY_MS = 1_000
/** Latencies are those of the newest readings, so that a pause shows up and disappears again. */
const WINDOW = 5
const SECOND_MS = 1_000

/** Shows the figures of the demo: redrawn in place in a terminal, else a line a second. */
export class LiveView {
  readonly #system: DemoSystem
  readonly #load: OrderLoad
  readonly #outbox: OutboxWatch
  readonly #kills: LeaderKills
  readonly #startedAt = performance.now()
  readonly #consumerReadings: Metrics[] = []
  readonly #published: readonly Total[]
  readonly #applied = new Total('consumer_applied_total')
  readonly #others = { orders: 0, events: 0 }
  #drawnLines = 0

  constructor (system: DemoSystem, load: OrderLoad, outbox: OutboxWatch, kills: LeaderKills) {
    this.#kills = kills
    this.#system = system
    this.#load = load
    this.#outbox = outbox
    this.#published = system.relays.map(() => new Total('relay_published_total'))
  }

  async run (signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.draw()
      await delay(EVERY_MS, undefined, { signal }).catch(() => {})
    }
  }

  async draw (): Promise<void> {
    const [relays, consumer, outbox] = await Promise.all([
      Promise.all(this.#system.relays.map(readMetrics)),
      readMetrics(this.#system.consumer),
      this.#outbox.read()
    ])
    if (consumer.size > 0) this.#consumerReadings.push(consumer)
    if (this.#consumerReadings.length > WINDOW) this.#consumerReadings.shift()
    const oldest = this.#consumerReadings[0] ?? consumer
    const latency = (q: number) => milliseconds(quantile('consumer_end_to_end_seconds', q, oldest, consumer))
    const applied = this.#applied.after(consumer)
    await this.#countOthers(applied)
    // A killed relay loses its last counts; an event that was applied has been published all the same.
    const published = Math.max(applied, relays.reduce((sum, metrics, index) => sum + (this.#published[index]?.after(metrics) ?? 0), 0))
    this.#show([
      ['time', `${Math.round((performance.now() - this.#startedAt) / SECOND_MS)} s`],
      ['accepted', `${this.#load.accepted.size} orders, ${this.#load.events} events`],
      ['published', `${published}`],
      ['applied', `${applied}`],
      ['backlog', outbox === undefined ? '-' : `${outbox.events}`],
      ['oldest', outbox === undefined ? '-' : `${(outbox.oldestAgeMs / SECOND_MS).toFixed(1)} s`],
      ['latency p50/p99', `${latency(0.5)} / ${latency(0.99)}`],
      ['leader', relays.flatMap((metrics, index) => metrics.get('relay_leader{shard="0"}') === 1 ? [`relay-${index + 1}`] : []).join(', ') || 'none'],
      ...this.#byOthers(),
      ...this.#killed(),
      ...this.#refused()
    ])
  }

  /**
   * Counts orders and events that the load did not make. Requests without an answer yet may be the load's, so they are left out:
   * the count is never too high. Read after `applied`, because an applied event was stored before.
   */
  async #countOthers (applied: number): Promise<void> {
    const stored = await this.#outbox.countStored()
    if (stored === undefined) return
    const { accepted, events, requests, unanswered } = this.#load
    const unknown = requests + unanswered
    this.#others.orders = Math.max(this.#others.orders, stored.orders - accepted.size - unknown)
    this.#others.events = Math.max(this.#others.events, Math.max(stored.events, applied) - events - unknown)
  }

  /** Empty if there is none. */
  #byOthers (): Array<[string, string]> {
    const { orders, events } = this.#others
    return orders + events === 0 ? [] : [['by others', `${orders} orders, ${events} events`]]
  }

  #killed (): Array<[string, string]> {
    const { done, planned } = this.#kills
    if (planned === 0) return []
    const last = done.at(-1)
    return [['leaders killed', `${done.length} of ${planned}${last === undefined ? '' : `, the last one replaced after ${last.tookOverMs} ms`}`]]
  }

  /** Empty if there is none. */
  #refused (): Array<[string, string]> {
    const answers = [...this.#load.refused].map(([status, count]) => `${status === 0 ? 'no answer' : status} × ${count}`)
    return answers.length === 0 ? [] : [['repeated', answers.join(', ')]]
  }

  #show (fields: Array<[string, string]>): void {
    if (!process.stdout.isTTY) {
      console.log(fields.map(([name, value]) => `${name} ${value}`).join(' · '))
      return
    }
    // A line that wraps would count as two when the cursor goes back.
    const width = process.stdout.columns > 0 ? process.stdout.columns - 1 : undefined
    const lines = fields.map(([name, value]) => `  ${name.padEnd(16)} ${value}`.slice(0, width))
    const back = this.#drawnLines === 0 ? '' : `\u001b[${this.#drawnLines}A`
    process.stdout.write(`${back}\u001b[J${lines.join('\n')}\n`)
    this.#drawnLines = lines.length
  }
}

function milliseconds (seconds: number | undefined): string {
  return seconds === undefined ? '-' : `${(seconds * SECOND_MS).toFixed(seconds < 0.1 ? 1 : 0)} ms`
}
