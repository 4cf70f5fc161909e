import { swallowKafkaAnswers } from '../framework/index.ts'
import { nameOf } from '../system/cluster.ts'
import { leaderOf } from './process-faults.ts'
import type { Fault } from './fault.ts'

// https://kafka.apache.org/protocol#protocol_api_keys
const ANSWERS = [['Produce', 0], ['EndTxn', 26], ['TxnOffsetCommit', 28], ['AddPartitionsToTxn', 24], ['InitProducerId', 22]] as const

/** The broker, and the links to it. */
export const kafkaFaults: readonly Fault[] = [
  {
    f: 'F13',
    title: 'kill -9 of the broker',
    places: ['kafka'],
    forMs: [1_000, 8_000],
    needs: 'one-broker',
    async start ({ brokers: { cluster } }) {
      const kafka = cluster.node(1)
      kafka.kill('SIGKILL')
      await kafka.exited()
      return { target: 'kafka', affects: ['kafka'], heal: () => kafka.start() }
    }
  },
  {
    f: 'F13',
    title: 'the broker is restarted',
    places: ['kafka'],
    forMs: [100, 500],
    needs: 'one-broker',
    async start ({ brokers: { cluster } }) {
      const kafka = cluster.node(1)
      await kafka.stop()
      return { target: 'kafka', affects: ['kafka'], heal: () => kafka.start() }
    }
  },
  {
    f: 'F14',
    title: 'the broker is frozen, then thawed',
    places: ['kafka'],
    forMs: [2_000, 14_000],
    needs: 'one-broker',
    weight: 2,
    start ({ brokers: { cluster } }) {
      const kafka = cluster.node(1)
      kafka.kill('SIGSTOP')
      return { target: 'kafka', affects: ['kafka'], heal: async () => { kafka.kill('SIGCONT') } }
    }
  },
  {
    f: 'F15',
    title: 'answers of the broker are lost after it did what was asked',
    places: ['links to kafka'],
    forMs: [2_000, 6_000],
    weight: 3,
    start (system, random) {
      const leader = leaderOf(system)
      const link = system.link(leader, 'kafka')
      const [name, apiKey] = random.pick(ANSWERS)
      link.filter(() => swallowKafkaAnswers(apiKey))
      return { target: `${leader.name} ↔ kafka, ${name}`, affects: ['outbox-relay'], heal: async () => { link.filter(() => () => 'forward') } }
    }
  },
  {
    f: 'F27',
    title: 'only the leading relay is cut off from Kafka',
    places: ['links to kafka'],
    forMs: [3_000, 14_000],
    weight: 2,
    start (system) {
      const leader = leaderOf(system)
      const link = system.link(leader, 'kafka')
      link.cut()
      return { target: `${leader.name} ↔ kafka`, affects: ['outbox-relay'], heal: async () => { link.heal() } }
    }
  },
  {
    f: 'F27',
    title: 'packets between the leading relay and Kafka vanish',
    places: ['links to kafka'],
    forMs: [3_000, 12_000],
    start (system) {
      const leader = leaderOf(system)
      const link = system.link(leader, 'kafka')
      link.hang()
      return { target: `${leader.name} ↔ kafka`, affects: ['outbox-relay'], heal: async () => { link.heal() } }
    }
  },
  {
    f: 'F29',
    title: 'a broker comes back at another address, and later at its former one',
    places: ['kafka', 'links to kafka'],
    forMs: [5_000, 12_000],
    async start ({ brokers }, random) {
      const broker = random.pick(brokers.cluster.nodes)
      await broker.stop()
      const moveBack = await brokers.move(broker)
      return { target: nameOf(brokers, broker), affects: ['kafka'], heal: moveBack }
    }
  },
  {
    f: 'F24',
    title: 'packets between the consumer and Kafka vanish',
    places: ['links to kafka'],
    forMs: [3_000, 14_000],
    start (system) {
      const link = system.link(system.consumer, 'kafka')
      link.hang()
      return { target: 'order-consumer ↔ kafka', affects: ['order-consumer'], heal: async () => { link.heal() } }
    }
  }
]
