import type { Kafka } from '../servers/index.ts'
import { coordinatorOf, nameOf, retryWithAdmin } from '../system/cluster.ts'
import type { Fault, StartedFault } from './fault.ts'
import type { System } from '../system/system.ts'

const MOVED_TOPICS = ['__consumer_offsets', '__transaction_state']

async function kill ({ brokers }: System, ...killed: readonly Kafka[]): Promise<StartedFault> {
  await Promise.all(killed.map(async (broker) => {
    broker.kill('SIGKILL')
    await broker.exited()
  }))
  return {
    target: killed.map((broker) => nameOf(brokers, broker)).join(', '),
    affects: ['kafka'],
    // Together: without a majority no broker becomes ready.
    heal: () => Promise.all(killed.map((broker) => broker.start()))
  }
}

function freeze ({ brokers }: System, ...frozen: readonly Kafka[]): StartedFault {
  for (const broker of frozen) broker.kill('SIGSTOP')
  return {
    target: frozen.map((broker) => nameOf(brokers, broker)).join(', '),
    affects: ['kafka'],
    heal: async () => { for (const broker of frozen) broker.kill('SIGCONT') }
  }
}

/** The position's and the transactions' coordinators are found by the shard's name. */
function coordinator (system: System, kind: 'group' | 'transaction'): Promise<Kafka> {
  return coordinatorOf(system, kind, `${system.relayName}-0`)
}

/** Faults that need several brokers. */
export const clusterFaults: readonly Fault[] = [
  {
    f: 'F13',
    title: 'kill -9 of one of three brokers',
    places: ['kafka'],
    forMs: [1_000, 12_000],
    needs: 'three-brokers',
    weight: 2,
    start: (system, random) => kill(system, random.pick(system.brokers.cluster.nodes))
  },
  {
    f: 'F13',
    title: 'one of three brokers is restarted',
    places: ['kafka'],
    forMs: [100, 500],
    needs: 'three-brokers',
    async start ({ brokers }, random) {
      const broker = random.pick(brokers.cluster.nodes)
      await broker.stop()
      return { target: nameOf(brokers, broker), affects: ['kafka'], heal: () => broker.start() }
    }
  },
  {
    f: 'F14',
    title: 'one of three brokers is frozen, then thawed',
    places: ['kafka'],
    forMs: [2_000, 14_000],
    needs: 'three-brokers',
    weight: 2,
    start: (system, random) => freeze(system, random.pick(system.brokers.cluster.nodes))
  },
  {
    f: 'F16',
    title: 'two of three brokers are killed: fewer than have to be in sync',
    places: ['kafka'],
    forMs: [1_000, 8_000],
    needs: 'three-brokers',
    start (system, random) {
      const spared = random.pick(system.brokers.cluster.nodes)
      return kill(system, ...system.brokers.cluster.nodes.filter((broker) => broker !== spared))
    }
  },
  {
    f: 'F16',
    title: 'two of three brokers are frozen: fewer than have to be in sync',
    places: ['kafka'],
    forMs: [3_000, 14_000],
    needs: 'three-brokers',
    start (system, random) {
      const spared = random.pick(system.brokers.cluster.nodes)
      return freeze(system, ...system.brokers.cluster.nodes.filter((broker) => broker !== spared))
    }
  },
  {
    f: 'F34',
    title: 'every partition gets another leader',
    places: ['kafka'],
    forMs: [6_000, 12_000],
    needs: 'three-brokers',
    weight: 2,
    async start (system) {
      const { topic } = system
      await retryWithAdmin(system, 'other leaders', async (admin) => {
        const partitions = await admin.describePartitions([topic, ...MOVED_TOPICS])
        // The same replicas with another one first: the controller makes it the leader within seconds.
        await admin.reassignReplicas(partitions.map(({ topic, partition, replicas }) => ({ topic, partition, replicas: [...replicas.slice(1), ...replicas.slice(0, 1)] })))
        return true
      })
      return { target: `${topic} and the coordinators`, affects: ['kafka'], heal: async () => {} }
    }
  },
  {
    f: 'F35',
    title: 'the coordinator of the position is frozen until another one takes its place, then thawed',
    places: ['kafka'],
    // It loses its place when its session ends, which takes 9 s.
    forMs: [9_500, 14_000],
    needs: 'three-brokers',
    weight: 3,
    start: async (system) => freeze(system, await coordinator(system, 'group'))
  },
  {
    f: 'F35',
    title: 'kill -9 of the coordinator of the position',
    places: ['kafka'],
    forMs: [1_000, 12_000],
    needs: 'three-brokers',
    start: async (system) => kill(system, await coordinator(system, 'group'))
  },
  {
    f: 'F36',
    title: 'the coordinator of the transactions is frozen until another one takes its place, then thawed',
    places: ['kafka'],
    forMs: [9_500, 14_000],
    needs: 'three-brokers',
    weight: 2,
    start: async (system) => freeze(system, await coordinator(system, 'transaction'))
  },
  {
    f: 'F36',
    title: 'kill -9 of the coordinator of the transactions',
    places: ['kafka'],
    forMs: [1_000, 12_000],
    needs: 'three-brokers',
    start: async (system) => kill(system, await coordinator(system, 'transaction'))
  }
]
