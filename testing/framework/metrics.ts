/** The samples of a `/metrics` page. A series is named as it is printed, without the label `service`. */
export class Metrics {
  /** All metric names, also those that have no sample yet. */
  readonly declared: readonly string[]
  readonly #values = new Map<string, number>()

  /** @param page in the text format of Prometheus; empty for a service that did not answer */
  constructor (page = '') {
    this.declared = [...page.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name)
    for (const [, name = '', labels = '', value] of page.matchAll(/^([a-z_]+)(\{[^}]*\})? (\S+)$/gm)) {
      const others = labels.slice(1, -1).split(',').filter((label) => label !== '' && !label.startsWith('service=')).join(',')
      this.#values.set(others === '' ? name : `${name}{${others}}`, Number(value))
    }
  }

  /** The number of samples: 0 for a service that did not answer. */
  get size (): number {
    return this.#values.size
  }

  /** @param series for example `relay_leader{shard="0"}` */
  get (series: string): number | undefined {
    return this.#values.get(series)
  }

  /** The sum of a metric's samples; of those that have this label, if one is given, for example `by="dead_letter"`. */
  sum (name: string, label = ''): number {
    let sum = 0
    for (const [series, value] of this) if ((series === name || series.startsWith(`${name}{`)) && series.includes(label)) sum += value
    return sum
  }

  [Symbol.iterator] (): IterableIterator<[series: string, value: number]> {
    return this.#values[Symbol.iterator]()
  }
}

/** @throws Error when the service does not answer in time */
export async function fetchMetrics ({ ops }: { ops: string }, deadlineMs = 15_000): Promise<Metrics> {
  const response = await fetch(`${ops}/metrics`, { signal: AbortSignal.timeout(deadlineMs) })
  return new Metrics(await response.text())
}

/** The same for a service that may be down: empty if it does not answer within a second. */
export async function readMetrics (service: { ops: string }): Promise<Metrics> {
  return fetchMetrics(service, 1_000).catch(() => new Metrics())
}

/** A counter over all lives of its process: each life begins at 0, and a dead process reports nothing. */
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

/** A quantile of what a histogram counted between two readings, interpolated within its bucket; undefined if it counted nothing. */
export function quantile (name: string, q: number, before: Metrics, now: Metrics): number | undefined {
  const buckets = [...now].flatMap(([series, value]) => {
    const [, bound] = new RegExp(`^${name}_bucket\\{le="([^"]+)"\\}$`).exec(series) ?? []
    return bound === undefined ? [] : [{ bound: bound === '+Inf' ? Infinity : Number(bound), count: value - (before.get(series) ?? 0) }]
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
