// The time without a leader after a graceful stop: from the abort of the leader's signal until its standby leads. In parts:
// stop → released → acquired. Both stores, on the servers of DATABASE_URL and LOCAL_STACK_KUBECONFIG.
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { KubeConfig, CoordinationV1Api } from '@kubernetes/client-node'
import { LeaderElector, type ElectorEvent, type LeaseStore } from '@orders/leader-election'
import { KubernetesLeaseStore } from '@orders/leader-election/kubernetes'
import { PostgresLeaseStore } from '@orders/leader-election/postgres'
import { until } from '@orders/testing/framework'
import pg from 'pg'

const { DATABASE_URL = '', LOCAL_STACK_KUBECONFIG = '', ROUNDS = '30' } = process.env

interface HandOver {
  stopToReleasedMs: number
  releasedToLeadingMs: number
  totalMs: number
  stopToEndedMs: number
}

class Candidate {
  readonly elector: LeaderElector
  readonly finished: Promise<void>
  readonly stop = new AbortController()
  leadsSince = 0
  releasedAt = 0

  constructor (store: LeaseStore) {
    this.elector = new LeaderElector({ store, identity: 'bench', onEvent: (event) => { this.#onEvent(event) } })
    this.finished = this.elector.run({
      signal: this.stop.signal,
      lead: async ({ signal }) => {
        this.leadsSince = performance.now()
        await new Promise((resolve) => { signal.addEventListener('abort', resolve) })
      }
    })
  }

  #onEvent (event: ElectorEvent): void {
    if (event.type === 'released') this.releasedAt = performance.now()
    if ('error' in event) console.log(event.type, String(event.error))
  }
}

async function measure (title: string, store: () => LeaseStore): Promise<void> {
  const handOvers: HandOver[] = []
  let leader = new Candidate(store())
  await until(() => leader.leadsSince > 0, { what: 'a first leader' })
  for (let round = 0; round < Number(ROUNDS); round++) {
    const standby = new Candidate(store())
    await until(() => standby.elector.holder === leader.elector.identity, { what: 'a standby' })
    // By then its watch is open on any machine: the measurement is of the handover, not of the connect.
    await new Promise((resolve) => { setTimeout(resolve, 500) })
    const stoppedAt = performance.now()
    leader.stop.abort()
    await leader.finished
    const endedAt = performance.now()
    await until(() => standby.leadsSince > 0, { what: 'the standby to lead' })
    handOvers.push({
      stopToReleasedMs: leader.releasedAt - stoppedAt,
      releasedToLeadingMs: standby.leadsSince - leader.releasedAt,
      totalMs: standby.leadsSince - stoppedAt,
      stopToEndedMs: endedAt - stoppedAt
    })
    leader = standby
  }
  leader.stop.abort()
  await leader.finished
  for (const part of ['stopToReleasedMs', 'releasedToLeadingMs', 'totalMs', 'stopToEndedMs'] as const) {
    const sorted = handOvers.map((handOver) => handOver[part]).sort((a, b) => a - b)
    const at = (share: number) => (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN).toFixed(1)
    console.log(`${title.padEnd(10)} ${part.padEnd(20)} p50 ${at(0.5)} ms, p90 ${at(0.9)} ms, max ${at(1)} ms of ${sorted.length}`)
  }
}

const name = `bench-${randomBytes(4).toString('hex')}`
const schema = name.replace('-', '_')
const connection = { connectionString: DATABASE_URL, options: `-c search_path=${schema}` }
const pool = new pg.Pool(connection)
try {
  await pool.query(`CREATE SCHEMA ${schema}`)
  await pool.query(await readFile(new URL('../packages/leader-election/sql/001-leader-lease.sql', import.meta.url), 'utf8'))
  await measure('Postgres', () => new PostgresLeaseStore({ client: pool, name, listen: connection }))
} finally {
  await pool.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
  await pool.end()
}

const loadConfig = (config: KubeConfig): void => { config.loadFromFile(LOCAL_STACK_KUBECONFIG) }
const config = new KubeConfig()
loadConfig(config)
try {
  await measure('Kubernetes', () => new KubernetesLeaseStore({ namespace: 'default', name, loadConfig }))
} finally {
  await config.makeApiClient(CoordinationV1Api).deleteNamespacedLease({ namespace: 'default', name })
}
