import { createKafka, createTopicProbe, runConsumer } from '@orders/kafka'
import { createHealth, createMetrics, createOpsServer, createPool, databaseCheck, drainHttp, listen, refuseUnfitPooler, runService } from '@orders/service-kit'
import { buildApp } from '../app.ts'
import { BatchHandler } from '../apply/batch-handler.ts'
import { purgeInbox } from '../apply/purge-inbox.ts'
import { TableHealth } from '../apply/table-health.ts'
import { loadConsumerConfig } from '../config.ts'
import { DeadLetterTopic } from '../dead-letters/dead-letters.ts'
import { ConsumerMetrics } from '../apply/metrics.ts'
import { TopicsCheck } from '../topics-check.ts'

const TOPICS_DEADLINE_MS = 10_000

const health = createHealth()

await runService({
  name: 'order-consumer',
  health,
  loadConfig: loadConsumerConfig,
  async start ({ config, logger, onStop, fail }) {
    const { registry } = createMetrics({ service: 'order-consumer' })
    const metrics = new ConsumerMetrics(registry)

    const ops = createOpsServer({ health, registry, logger })
    onStop('ops server', () => ops.close())

    const app = await buildApp({ config, logger, health, registry })
    // Separate pools: queued reads must not block the events, and must not fail the probe of a busy replica. One connection each
    // is enough, because batches are applied one after the other.
    const poolOf = (purpose: string) => {
      const pool = createPool({ url: config.DATABASE_URL, applicationName: `order-consumer ${purpose}`, max: 1, logger })
      onStop(`${purpose} pool`, () => pool.end())
      return pool
    }
    health.addReadiness('postgres', databaseCheck({
      pool: poolOf('readiness'),
      service: 'order-consumer',
      sql: 'SELECT i.event_id, v.version, h.version, s.applied FROM inbox i, order_views v, order_history h, consumer_stats s LIMIT 0',
      logger
    }))
    refuseUnfitPooler(app.pg.pool, fail)
    onStop('http', () => drainHttp(app, config.SHUTDOWN_DEADLINE_MS / 2))

    const housekeeping = new AbortController()
    const purging = purgeInbox(poolOf('housekeeping'), config.CONSUMER_INBOX_RETENTION_HOURS, logger, housekeeping.signal)
    onStop('housekeeping', () => { housekeeping.abort(); return purging })

    const connection = createKafka(config, { clientId: 'order-consumer', logger })
    const deadLetters = new DeadLetterTopic(connection, config.CONSUMER_DEAD_LETTER_TOPIC)
    onStop('dead letters', () => deadLetters.close())
    const tables = new TableHealth(logger)
    const handler = new BatchHandler({
      pool: poolOf('applier'),
      deadLetters,
      metrics,
      logger,
      poisonAttempts: config.CONSUMER_POISON_ATTEMPTS,
      refusalsInARow: config.CONSUMER_REFUSALS_IN_A_ROW,
      tables
    })

    const topics = new TopicsCheck(createTopicProbe(connection, { deadlineMs: TOPICS_DEADLINE_MS }), [
      { setting: 'CONSUMER_TOPIC', topic: config.CONSUMER_TOPIC, right: 'read' },
      { setting: 'CONSUMER_DEAD_LETTER_TOPIC', topic: config.CONSUMER_DEAD_LETTER_TOPIC, right: 'write' }
    ], logger)
    const looking = new AbortController()
    const found = topics.run(looking.signal)
    onStop('topics', () => { looking.abort(); return found })

    const consumer = runConsumer({
      connection,
      groupId: config.CONSUMER_GROUP,
      topics: [config.CONSUMER_TOPIC],
      sessionTimeoutMs: config.CONSUMER_SESSION_TIMEOUT_MS,
      maxBatchRecords: config.CONSUMER_BATCH_EVENTS,
      onFatal: fail,
      handleBatch: (batch) => handler.handle(batch)
    })
    onStop('consumer', () => consumer.stop(config.SHUTDOWN_DEADLINE_MS / 2))
    health.addReadiness('consumer group', () => { consumer.health.assertJoined() })
    health.addReadiness('topics', () => { topics.assertFound() })
    health.addReadiness('applying', () => { tables.assertAccepting() })
    health.addLiveness('consumer', () => { consumer.health.assertAlive() })
    metrics.observeMembership(registry, () => consumer.health.member)
    metrics.observeUnreadable(registry, () => consumer.health.unreadablePartitions)
    metrics.observeRefusal(registry, () => tables.isRefusing)

    logger.info({
      event: 'listening',
      http: await listen(app, 'HTTP', config),
      ops: await listen(ops, 'OPS', config)
    }, 'listening')
  }
})
