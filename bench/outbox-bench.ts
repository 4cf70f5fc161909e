import { randomBytes } from 'node:crypto'
import type { KafkaConnection } from '@orders/kafka'
import { ServiceProcess, testConnection, testDatabase, withAdmin, type TestDatabase } from '@orders/testing/framework'
import { relaySettings } from '@orders/testing/system/services'
import type { Bench } from './scenario.ts'

export type RelayDelivery = 'exactly-once' | 'at-least-once'

const PARTITIONS = 4
/** See docs/performance.md, "Memory". */
const RELAY_NODE_OPTIONS = '--max-semi-space-size=2 --max-old-space-size=128'

/** A database and a topic for one measurement. */
export interface OutboxBench {
  database: TestDatabase
  connection: KafkaConnection
  topic: string
  /** A relay for both, not started yet. */
  relay: (delivery: RelayDelivery, settings?: Record<string, string>) => ServiceProcess
}

export async function outboxBench ({ postgres, kafka, scope }: Bench): Promise<OutboxBench> {
  const database = await testDatabase(scope, { service: 'order-api', server: postgres })
  const connection = testConnection(kafka.brokers)
  const name = `bench-${randomBytes(5).toString('hex')}`
  // The broker's own time of each record, so that no clock of ours is part of the rate.
  await withAdmin(connection, (admin) => admin.ensureTopics([{ topic: name, partitions: PARTITIONS, config: { 'message.timestamp.type': 'LogAppendTime' } }]))
  return {
    database,
    connection,
    topic: name,
    relay (delivery, settings = {}) {
      const relay = new ServiceProcess('outbox-relay', {
        ...relaySettings({ databaseUrl: database.url('outbox_relay'), brokers: kafka.brokers, names: { topic: name, relayName: name } }),
        RELAY_IDENTITY: name,
        RELAY_DELIVERY: delivery,
        NODE_OPTIONS: RELAY_NODE_OPTIONS,
        ...settings,
        // Settings from the environment, to try them out without a change here.
        ...Object.fromEntries(Object.entries(process.env).filter(([variable]) => variable === 'NODE_OPTIONS' || variable.startsWith('RELAY_')))
      } as Record<string, string>, undefined, { built: true })
      scope.teardown(async () => {
        if (!relay.running) return
        relay.kill('SIGKILL')
        await relay.exited()
      })
      return relay
    }
  }
}
