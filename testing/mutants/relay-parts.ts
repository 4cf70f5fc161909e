import { createTopicProbe } from '@orders/kafka'
import type { SqlClient } from '@orders/outbox'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { AtLeastOnce } from '../../services/outbox-relay/src/publishing/at-least-once.ts'
import { Backoff } from '../../services/outbox-relay/src/publishing/backoff.ts'
import type { Delivery } from '../../services/outbox-relay/src/publishing/delivery.ts'
import { ExactlyOnce } from '../../services/outbox-relay/src/publishing/exactly-once.ts'
import { ForeignPositions } from '../../services/outbox-relay/src/publishing/foreign-positions.ts'
import { LayoutGuard } from '../../services/outbox-relay/src/layout/layout-guard.ts'
import { RelayMetrics } from '../../services/outbox-relay/src/metrics.ts'
import { OutboxReader } from '../../services/outbox-relay/src/publishing/outbox-reader.ts'
import { RefusedRecords } from '../../services/outbox-relay/src/publishing/refused-records.ts'
import { runAlone } from '../../services/outbox-relay/src/leadership/run-alone.ts'
import { ShardRelay } from '../../services/outbox-relay/src/publishing/shard-relay.ts'
import { TopicGate } from '../../services/outbox-relay/src/publishing/topic-gate.ts'
import { TopicMap } from '../../services/outbox-relay/src/publishing/topics.ts'
import { Wakeups } from '../../services/outbox-relay/src/publishing/wakeups.ts'
import type { TestContext } from '../framework/index.ts'
import { openPool, type Stage } from './fixture.ts'

const SEND_DEADLINE_MS = 2_000

export interface RelayOptions {
  name?: string
  delivery?: 'exactly-once' | 'at-least-once'
  batchEvents?: number
  maxRecordBytes?: number
  /** The seams: what stands between the relay's parts. A mutant changes what goes through one; the control does not. */
  throughDb?: ((db: SqlClient) => SqlClient) | undefined
  throughDelivery?: ((delivery: Delivery, db: SqlClient) => Delivery) | undefined
}

export interface RunningRelay {
  /** Tidily, as at SIGTERM. */
  stop: () => Promise<void>
}

/** The relay of the product in this process: its own parts, put together here so that one of them can be replaced. */
export function startRelay (t: TestContext, stage: Stage, options: RelayOptions = {}): RunningRelay {
  const { name = 'relay-a', batchEvents = 1_000, maxRecordBytes = 1_048_576, throughDb = same, throughDelivery = same } = options
  const pool = openPool(stage.orders.url('outbox_relay'), name)
  const db = throughDb(pool as SqlClient)
  const logger = pino({ level: process.env.MUTANTS_LOG ?? 'silent', name })
  const metrics = new RelayMetrics(new Registry())
  const probe = createTopicProbe(stage.connection, { deadlineMs: SEND_DEADLINE_MS })
  const relay = new ShardRelay({
    shard: 0,
    holder: name,
    db,
    layout: new LayoutGuard({
      db, settings: { relayName: relayNameOf(stage), shards: 1, positionTopic: stage.topic, delivery: options.delivery ?? 'exactly-once' }
    }),
    foreignPositions: new ForeignPositions(relayNameOf(stage), 0),
    delivery: recorded(throughDelivery(createDelivery(stage, db, options), db), name, stage),
    createReader: () => new OutboxReader({
      db,
      shard: 0,
      shards: 1,
      wakeups: new Wakeups(),
      topics: TopicMap.parse('', stage.topic),
      source: '/test',
      maxBatchEvents: batchEvents,
      maxBatchBytes: 1_048_576,
      maxRecordBytes,
      pollIntervalMs: 20,
      sweepIntervalMs: 60_000
    }),
    refused: new RefusedRecords({
      db, policy: 'block', maxBatchEvents: batchEvents, logger, onDeadLetter: () => {}
    }),
    gate: new TopicGate({
      topics: TopicMap.parse('', stage.topic), positionTopic: undefined, probe, graceMs: undefined, logger
    }),
    backoff: new Backoff({ minMs: 20, maxMs: 100 }),
    progressDeadlineMs: 60_000,
    metrics,
    logger
  })
  const stop = new AbortController()
  // A long pause: one that was fenced stays away, and does not fence its successor in turn.
  const running = runAlone(relay, 60_000, logger, stop.signal)
  let stopped: Promise<void> | undefined
  const end = async () => {
    stop.abort()
    await running
    await probe.close()
    await pool.end()
  }
  const handle = {
    stop () {
      stopped ??= end()
      return stopped
    }
  }
  t.teardown(() => handle.stop())
  return handle
}

function relayNameOf ({ topic }: Stage): string {
  return `relay-of-${topic}`
}

function createDelivery (stage: Stage, db: SqlClient, { delivery = 'exactly-once', name = 'relay-a' }: RelayOptions): Delivery {
  const options = { db, kafka: stage.connection, shard: 0, sendDeadlineMs: SEND_DEADLINE_MS, maxSendBytes: 1_048_576, logger: pino({ level: process.env.MUTANTS_LOG ?? 'silent', name }) }
  if (delivery === 'at-least-once') return new AtLeastOnce(options)
  return new ExactlyOnce({ ...options, name: relayNameOf(stage), positionTopic: stage.topic, transactionTimeoutMs: 10_000 })
}

/** What a relay's log tells of a process, told by the relay's parts themselves. */
function recorded (delivery: Delivery, process: string, { recorder }: Stage): Delivery {
  const relay = { kind: 'relay' as const, process, shard: 0 }
  return {
    async begin (taken) {
      const epoch = Number(taken.fence.epoch)
      const term = await delivery.begin(taken)
      recorder.record({ ...relay, type: 'ok', f: 'take-over', epoch })
      return {
        fence: term.fence,
        close: () => term.close(),
        async publish (batch, before) {
          try {
            await term.publish(batch, before)
            recorder.record({ ...relay, type: 'ok', f: 'publish', epoch, events: batch.ids.length })
          } catch (error) {
            recorder.record({ ...relay, type: 'info', f: 'publish', epoch, events: batch.ids.length, detail: (error as Error).message })
            throw error
          }
        }
      }
    }
  }
}

function same<T> (part: T): T {
  return part
}
