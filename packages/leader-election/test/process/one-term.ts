// A process that leads once, stops, and has nothing else to do.
import { LeaderElector, type LeaseStore } from '@orders/leader-election'
import { KubernetesLeaseStore } from '@orders/leader-election/kubernetes'
import { PostgresLeaseStore } from '@orders/leader-election/postgres'
import pg from 'pg'

const { KIND = '', NAME = '', URL = '' } = process.env
const stop = new AbortController()
const pool = new pg.Pool({ connectionString: URL })
const stores: Record<string, () => LeaseStore> = {
  kubernetes: () => new KubernetesLeaseStore({ namespace: 'default', name: NAME }),
  postgres: () => new PostgresLeaseStore({ client: pool, name: NAME, listen: { connectionString: URL } })
}
const store = stores[KIND]?.()
if (store === undefined) throw new Error(`expected KIND postgres or kubernetes, found ${KIND}`)
const elector = new LeaderElector({ store, identity: 'one-term', leaseDurationMs: 600_000, renewDeadlineMs: 500_000, retryPeriodMs: 100_000 })
await elector.run({
  signal: stop.signal,
  async lead (term) {
    setTimeout(() => { stop.abort() }, 100)
    await new Promise((resolve) => { term.signal.addEventListener('abort', resolve) })
  }
})
await pool.end()
console.log('done')
