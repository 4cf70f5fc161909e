import type { Kafka } from 'kafkajs'
import type { Logger } from 'pino'

/** Not exported, so other packages cannot reach the client. A symbol survives `{ ...connection, logger }`; a WeakMap would not. */
const client = Symbol('kafkajs client')

/** Access to a Kafka cluster. Made by `createKafka`; publishers, consumers and the admin client take it. */
export interface KafkaConnection {
  readonly logger: Logger
  readonly [client]: Kafka
}

export function toConnection (kafka: Kafka, logger: Logger): KafkaConnection {
  return { [client]: kafka, logger }
}

/** The kafkajs client of a connection. For this package and its tests only: index.ts does not export it. */
export function clientOf (connection: KafkaConnection): Kafka {
  return connection[client]
}
