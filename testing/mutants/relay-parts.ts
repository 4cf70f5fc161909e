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
import { openPool, type Fixture } from './fixture.ts'

const SEND_DEADLINE_MS = 2_000

export interface RelayOptions {
  name?: string
  delivery?: 'exactly-once' | 'at-least-once'
  batchEvents?: number
  maxRecordBytes?: number
  /** The seams between the relay's parts. A mutant changes what passes through one; the original does not. */
  throughDb?: ((db: SqlClient) => SqlClient) | undefined
  throughDelivery?: ((delivery: Delivery, db: SqlClient) => Delivery) | undefined
}

export interface RunningRelay {
  /** A clean shutdown, as after SIGTERM. */
  stop: () => Promise<void>
}

/** The real relay in this process: its own parts, put together here so that one of them can be replaced. */
export function startRelay (t: TestContext, fixture: Fixture, options: RelayOptions = {}): RunningRelay {
  const { name = 'relay-a', batchEvents = 1_000, maxRecordBytes = 1_048_576, throughDb = same, throughDelivery = same } = options
  const pool = openPool(fixture.orders.url('outbox_relay'), name)
  const db = throughDb(pool as SqlClient)
  const logger = pino({ level: process.env.MUTANTS_LOG ?? 'silent', name })
  const metrics = new RelayMetrics(new Registry())
  const probe = createTopicProbe(fixture.connection, { deadlineMs: SEND_DEADLINE_MS })
  const relay = new ShardRelay({
    shard: 0,
    holder: name,
    db,
    layout: new LayoutGuard({
      db, settings: { relayName: relayNameOf(fixture), shards: 1, positionTopic: fixture.topic, delivery: options.delivery ?? 'exactly-once' }
    }),
    foreignPositions: new ForeignPositions(relayNameOf(fixture), 0),
    delivery: recorded(throughDelivery(createDelivery(fixture, db, options), db), name, fixture),
    createReader: () => new OutboxReader({
      db,
      shard: 0,
      shards: 1,
      wakeups: new Wakeups(),
      topics: TopicMap.parse('', fixture.topic),
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
      topics: TopicMap.parse('', fixture.topic), positionTopic: undefined, probe, graceMs: undefined, logger
    }),
    backoff: new Backoff({ minMs: 20, maxMs: 100 }),
    progressDeadlineMs: 60_000,
    metrics,
    logger
  })
  const stop = new AbortController()
  // A long pause: a fenced relay stays away, and does not fence its successor in turn.
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

function relayNameOf ({ topic }: Fixture): string {
  return `relay-of-${topic}`
}

function createDelivery (fixture: Fixture, db: SqlClient, { delivery = 'exactly-once', name = 'relay-a' }: RelayOptions): Delivery {
  const options = { db, kafka: fixture.connection, shard: 0, sendDeadlineMs: SEND_DEADLINE_MS, maxSendBytes: 1_048_576, logger: pino({ level: process.env.MUTANTS_LOG ?? 'silent', name }) }
  if (delivery === 'at-least-once') return new AtLeastOnce(options)
  return new ExactlyOnce({ ...options, name: relayNameOf(fixture), positionTopic: fixture.topic, transactionTimeoutMs: 10_000 })
}

/** Records the events that a system reads from a relay's log. */
function recorded (delivery: Delivery, process: string, { recorder }: Fixture): Delivery {
  const relay = { kind: 'relay' as const, process, shard: 0 }
  return {
    async begin (taken) {
      const epoch = Number(taken.fence.epoch)
      const term = await delivery.begin(taken)
      recorder.record({ ...relay, type: 'ok', f: 'takeover', epoch })
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
