import type { Postgres } from '../servers/index.ts'
import { until } from '../framework/index.ts'
import pg from 'pg'
import type { Fault } from './fault.ts'
import { leaderOf } from './process-faults.ts'
import { MAX_CONNECTIONS } from '../system/servers.ts'
import type { Replica } from '../system/replica.ts'
import type { System } from '../system/system.ts'

const RESTART_DEADLINE_MS = 120_000

/** The sessions of a killed server keep its shared memory for a moment. Until they end, the server does not start. */
export async function startAgain (server: Postgres): Promise<void> {
  await until(async () => { await server.start(); return true }, { what: 'Postgres to start again', deadlineMs: RESTART_DEADLINE_MS })
}

/** Of every server: a run with restores has two. */
function each ({ databases: { servers } }: System, work: (server: Postgres) => unknown): Promise<unknown> {
  return Promise.all(servers.map(async (server) => work(server)))
}

/** A client of Postgres, and the parts that fail without it. */
function client (system: System, random: { pick: <T>(list: readonly T[]) => T }): Replica {
  return random.pick([system.api, leaderOf(system), system.consumer])
}

const affectsOf = (replica: Replica) => replica.service === 'order-api' ? ['order-api' as const] : [replica.service]

/** Postgres itself, its sessions, and the links to it. */
export const postgresFaults: readonly Fault[] = [
  {
    f: 'F19',
    title: 'Postgres is shut down at once, without a checkpoint',
    places: ['postgres'],
    forMs: [500, 6_000],
    weight: 2,
    async start (system) {
      await each(system, (server) => server.stop('immediate'))
      return { target: 'postgres', affects: ['postgres'], heal: () => each(system, startAgain) }
    }
  },
  {
    f: 'F19',
    title: 'kill -9 of Postgres',
    places: ['postgres'],
    forMs: [500, 6_000],
    async start (system) {
      await each(system, (server) => {
        server.kill('SIGKILL')
        return server.stop()
      })
      return { target: 'postgres', affects: ['postgres'], heal: () => each(system, startAgain) }
    }
  },
  {
    f: 'F20',
    title: 'packets to and from Postgres vanish',
    places: ['links to postgres'],
    forMs: [3_000, 12_000],
    weight: 2,
    start (system, random) {
      const replica = client(system, random)
      const link = system.link(replica, 'postgres')
      link.hang()
      return { target: `${replica.name} ↔ postgres`, affects: affectsOf(replica), heal: async () => { link.heal() } }
    }
  },
  {
    f: 'F20',
    title: 'the connections to Postgres are cut and refused',
    places: ['links to postgres'],
    forMs: [1_000, 10_000],
    weight: 2,
    start (system, random) {
      const replica = client(system, random)
      const link = system.link(replica, 'postgres')
      link.cut()
      return { target: `${replica.name} ↔ postgres`, affects: affectsOf(replica), heal: async () => { link.heal() } }
    }
  },
  {
    f: 'F20',
    title: 'Postgres answers a second later',
    places: ['links to postgres'],
    forMs: [3_000, 8_000],
    start (system, random) {
      const replica = client(system, random)
      const link = system.link(replica, 'postgres')
      link.delay(500)
      return { target: `${replica.name} ↔ postgres`, affects: affectsOf(replica), heal: async () => { link.heal() } }
    }
  },
  {
    f: 'F21',
    title: 'sessions of Postgres are terminated, idle or active',
    places: ['postgres'],
    forMs: [3_000, 6_000],
    weight: 2,
    start (system, random) {
      const terminate = (pool: pg.Pool) => pool.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name <> \'chaos\' AND usename <> \'postgres\' AND random() < 0.3'
      ).catch(() => {})
      const repeated = setInterval(() => { for (const pool of system.admins) void terminate(pool) }, random.between(300, 1_500))
      return { target: 'sessions of postgres', affects: ['postgres'], heal: async () => { clearInterval(repeated) } }
    }
  },
  {
    f: 'F22',
    title: 'all connections of Postgres are taken',
    places: ['postgres'],
    forMs: [4_000, 8_000],
    async start (system) {
      const taken: pg.Client[] = []
      await system.admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name <> \'chaos\'')
      for (let count = 0; count < MAX_CONNECTIONS; count++) {
        const client = new pg.Client({ connectionString: `${system.ordersUrl}?application_name=chaos`, connectionTimeoutMillis: 5_000 })
        client.on('error', () => {})
        // The last connections are refused, which is the purpose.
        if (!await client.connect().then(() => true, () => false)) break
        taken.push(client)
      }
      return { target: 'connections of postgres', affects: ['postgres'], heal: () => Promise.all(taken.map((client) => client.end().catch(() => {}))) }
    }
  },
  {
    f: 'F25',
    title: 'the answer to a COMMIT is lost',
    places: ['links to postgres'],
    forMs: [1_000, 2_000],
    weight: 2,
    start (system, random) {
      const replica = client(system, random)
      const link = system.link(replica, 'postgres')
      let lost = false
      link.filter(() => {
        let committing = false
        return (chunk, direction) => {
          if (direction === 'toServer' && chunk.includes('COMMIT')) committing = true
          else if (direction === 'toClient' && committing && !lost) {
            lost = true
            return 'swallow'
          }
          return 'forward'
        }
      })
      return { target: `${replica.name} ↔ postgres`, affects: affectsOf(replica), heal: async () => { link.filter(() => () => 'forward') } }
    }
  },
  {
    f: 'F19',
    title: 'Postgres is frozen, then thawed',
    places: ['postgres'],
    forMs: [1_000, 10_000],
    async start (system) {
      await each(system, (server) => { server.kill('SIGSTOP') })
      return { target: 'postgres', affects: ['postgres'], heal: () => each(system, (server) => { server.kill('SIGCONT') }) }
    }
  }
]
