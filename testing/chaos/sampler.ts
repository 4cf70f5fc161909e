import { setTimeout as delay } from 'node:timers/promises'
import type { Recorder, SampleEntry } from '../checker/index.ts'
import { Metrics, readMetrics, Total } from '../framework/metrics.ts'
import type { ClientOperations } from '../traffic/client-operations.ts'
import type { Replica } from '../system/replica.ts'
import type { System } from '../system/system.ts'

const EVERY_MS = 1_000

/** Records once a second the metrics of the services and the backlog of the outbox. */
export class Sampler {
  readonly #system: System
  readonly #recorder: Recorder
  readonly #load: ClientOperations
  readonly #published: ReadonlyMap<Replica, Total>
  readonly #applied = new Total('consumer_applied_total')

  constructor (system: System, recorder: Recorder, load: ClientOperations) {
    this.#system = system
    this.#recorder = recorder
    this.#load = load
    this.#published = new Map(system.relays.map((relay) => [relay, new Total('relay_published_total')]))
  }

  async run (stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await this.sample()
      await delay(EVERY_MS, undefined, { signal: stop }).catch(() => {})
    }
  }

  async sample (): Promise<void> {
    const { admin, replicas, consumer } = this.#system
    const backlog = admin.query<{ events: number }>('SELECT count(*)::int AS events FROM outbox_events').then(({ rows }) => rows[0]?.events, () => undefined)
    const commit = commitTime(admin)
    const readings = new Map(await Promise.all(replicas.map(async (replica) => [replica, await metricsOf(replica)] as const)))
    const leaders: SampleEntry['leaders'] = {}
    const rssBytes: SampleEntry['rssBytes'] = {}
    let published = 0
    for (const [replica, metrics] of readings) {
      const rss = metrics.get('process_resident_memory_bytes')
      if (rss !== undefined) rssBytes[replica.name] = rss
      published += this.#published.get(replica)?.after(metrics) ?? 0
      for (const [series, value] of metrics) {
        const [, shard] = /^relay_leader\{shard="(\d+)"\}$/.exec(series) ?? []
        if (shard !== undefined && value === 1) leaders[shard] = replica.name
      }
    }
    const [events, commitMs] = [await backlog, await commit]
    this.#recorder.record({
      kind: 'sample',
      process: 'sampler',
      type: 'ok',
      f: 'sample',
      ...(events === undefined ? {} : { backlog: events }),
      ...(commitMs === undefined ? {} : { commitMs }),
      accepted: this.#load.accepted,
      published,
      applied: this.#applied.after(readings.get(consumer) ?? new Metrics()),
      leaders,
      rssBytes
    })
  }
}

/** A frozen process would only make the sample late. */
async function metricsOf (replica: Replica): Promise<Metrics> {
  return replica.process === undefined || replica.frozen ? new Metrics() : readMetrics(replica.process)
}

async function commitTime (admin: System['admin']): Promise<number | undefined> {
  const startedAt = performance.now()
  return admin.query('UPDATE audit.pulse SET beats = beats + 1').then(() => Math.round(performance.now() - startedAt), () => undefined)
}
