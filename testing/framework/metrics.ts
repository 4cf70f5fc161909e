import type { ServiceProcess } from './index.ts'

/** Values of a service's `/metrics`, by series as it is printed, without the service's own label. */
export type Metrics = ReadonlyMap<string, number>

/** What the services report of themselves; empty for one that does not answer. */
export async function readMetrics (service: ServiceProcess): Promise<Metrics> {
  const values = new Map<string, number>()
  const text = await fetch(`${service.ops}/metrics`, { signal: AbortSignal.timeout(1_000) })
    .then((response) => response.text()).catch(() => '')
  for (const line of text.split('\n')) {
    const [, name, labels = '', value] = /^([a-z_]+)(\{[^}]*\})? (\S+)/.exec(line) ?? []
    if (name === undefined) continue
    const others = labels.slice(1, -1).split(',').filter((label) => label !== '' && !label.startsWith('service=')).join(',')
    values.set(others === '' ? name : `${name}{${others}}`, Number(value))
  }
  return values
}

/** A counter over all the lives of its process: each begins at 0 again, and a dead one reports nothing. */
export class Total {
  readonly #name: string
  #earlierLives = 0
  #last = 0

  constructor (name: string) {
    this.#name = name
  }

  after (metrics: Metrics): number {
    const value = metrics.get(this.#name) ?? this.#last
    if (value < this.#last) this.#earlierLives += this.#last
    this.#last = value
    return this.#earlierLives + value
  }
}

/**
 * The quantile of what a histogram counted between two readings, interpolated within its bucket; undefined if it counted
 * nothing.
 */
export function quantile (name: string, q: number, before: Metrics, now: Metrics): number | undefined {
  const buckets = [...now.keys()].flatMap((key) => {
    const [, bound] = new RegExp(`^${name}_bucket\\{le="([^"]+)"\\}$`).exec(key) ?? []
    return bound === undefined ? [] : [{ bound: bound === '+Inf' ? Infinity : Number(bound), count: (now.get(key) ?? 0) - (before.get(key) ?? 0) }]
  }).sort((a, b) => a.bound - b.bound)
  const total = buckets.at(-1)?.count ?? 0
  if (total <= 0) return undefined
  let [lowerBound, lowerCount] = [0, 0]
  for (const { bound, count } of buckets) {
    if (count >= q * total) {
      return bound === Infinity ? lowerBound : lowerBound + (bound - lowerBound) * (q * total - lowerCount) / Math.max(1, count - lowerCount)
    }
    [lowerBound, lowerCount] = [bound, count]
  }
  return undefined
}
