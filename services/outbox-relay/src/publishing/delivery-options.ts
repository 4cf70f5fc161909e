import type { KafkaConnection } from '@orders/kafka'
import type { SqlClient } from '@orders/outbox'
import type { Logger } from 'pino'

export interface DeliveryOptions {
  db: SqlClient
  kafka: KafkaConnection
  shard: number
  sendDeadlineMs: number
  maxSendBytes: number
  logger: Logger
}
