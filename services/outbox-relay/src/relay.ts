import type { KafkaConnection } from '@orders/kafka'
import type { LayoutSettings, SqlClient } from '@orders/outbox'
import type { Logger } from 'pino'
import { AtLeastOnce } from './publishing/at-least-once.ts'
import { Backoff } from './publishing/backoff.ts'
import type { RelayConfig } from './config.ts'
import type { Delivery } from './publishing/delivery.ts'
import { ExactlyOnce } from './publishing/exactly-once.ts'
import { ForeignPositions } from './publishing/foreign-positions.ts'
import type { LayoutGuard } from './layout/layout-guard.ts'
import type { RelayMetrics } from './metrics.ts'
import { OutboxReader } from './publishing/outbox-reader.ts'
import { RefusedRecords } from './publishing/refused-records.ts'
import { ShardRelay } from './publishing/shard-relay.ts'
import type { TopicGate } from './publishing/topic-gate.ts'
import { TopicMap } from './publishing/topics.ts'
import type { Wakeups } from './publishing/wakeups.ts'

export interface RelayParts {
  config: RelayConfig
  db: SqlClient
  kafka: KafkaConnection
  metrics: RelayMetrics
  layout: LayoutGuard
  gate: TopicGate
  /** The name of this process, as it is written to `relay_shard` and to the lease. */
  processName: string
  logger: Logger
}

/** One {@link ShardRelay} with all its parts. */
export function createShardRelay (shard: number, wakeups: Wakeups, parts: RelayParts): ShardRelay {
  const { config, db, gate, layout, metrics, processName, logger } = parts
  const warned = new Set<string>()
  const onWarning = (warning: string) => {
    // Once, and not at every takeover.
    if (!warned.has(warning)) logger.warn({ event: 'outbox_order_at_risk', shard, warning }, 'something about outbox_events may change the order of events')
    warned.add(warning)
  }
  return new ShardRelay({
    shard,
    holder: processName,
    db,
    delivery: createDelivery(shard, parts),
    layout,
    foreignPositions: new ForeignPositions(config.RELAY_NAME, shard),
    createReader: () => new OutboxReader({
      db,
      shard,
      shards: config.RELAY_SHARDS,
      wakeups,
      onWarning,
      types: () => gate.types,
      topics: TopicMap.parse(config.RELAY_TOPICS, config.RELAY_DEFAULT_TOPIC),
      source: config.RELAY_SOURCE,
      maxBatchEvents: config.RELAY_BATCH_EVENTS,
      maxBatchBytes: config.RELAY_BATCH_BYTES,
      maxRecordBytes: config.RELAY_MAX_RECORD_BYTES,
      pollIntervalMs: config.RELAY_POLL_INTERVAL_MS,
      sweepIntervalMs: config.RELAY_SWEEP_INTERVAL_MS
    }),
    refused: new RefusedRecords({
      db,
      policy: config.RELAY_REFUSED,
      maxBatchEvents: config.RELAY_BATCH_EVENTS,
      logger,
      onDeadLetter: () => { metrics.deadLettered() }
    }),
    gate,
    backoff: new Backoff({ minMs: config.RELAY_BACKOFF_MIN_MS, maxMs: config.RELAY_BACKOFF_MAX_MS }),
    progressDeadlineMs: config.RELAY_PROGRESS_DEADLINE_MS,
    metrics,
    logger
  })
}

/** The settings that all relays of a database must have in common. */
export function layoutOf (config: RelayConfig): LayoutSettings {
  return {
    relayName: config.RELAY_NAME, shards: config.RELAY_SHARDS, positionTopic: config.RELAY_DEFAULT_TOPIC, delivery: config.RELAY_DELIVERY
  }
}

function createDelivery (shard: number, { config, db, kafka, logger }: RelayParts): Delivery {
  const options = { db, kafka, shard, sendDeadlineMs: config.RELAY_SEND_DEADLINE_MS, maxSendBytes: config.RELAY_MAX_RECORD_BYTES, logger }
  switch (config.RELAY_DELIVERY) {
    case 'at-least-once':
      return new AtLeastOnce(options)
    case 'exactly-once':
      return new ExactlyOnce({
        ...options,
        name: config.RELAY_NAME,
        positionTopic: config.RELAY_DEFAULT_TOPIC,
        transactionTimeoutMs: config.RELAY_TRANSACTION_TIMEOUT_MS
      })
  }
}
