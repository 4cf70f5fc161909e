import { createKafka, runConsumer } from '@orders/kafka'
import { createHealth, createMetrics, createOpsServer, drainHttp, runService } from '@orders/service-kit'
import { buildApp } from './app.ts'
import { applyBatch } from './apply-batch.ts'
import { loadConsumerConfig } from './config.ts'
import { ConsumerMetrics } from './consumer-metrics.ts'
import { DeadLetterTopic } from './dead-letters.ts'
import { forgetOldEvents } from './forget-old-events.ts'

const health = createHealth()

await runService({
  name: 'order-consumer',
  health,
  loadConfig: loadConsumerConfig,
  async start ({ config, logger, onStop, fail }) {
    const { registry } = createMetrics({ service: 'order-consumer' })
    const metrics = new ConsumerMetrics(registry)

    const ops = createOpsServer({ health, registry })
    onStop('ops server', () => ops.close())

    const app = await buildApp({ config, logger, health, registry })
    const { pool } = app.pg
    health.addReadiness('postgres', async () => { await pool.query('SELECT') })
    onStop('http', () => drainHttp(app, config.SHUTDOWN_DEADLINE_MS / 2))

    const housekeeping = new AbortController()
    const forgetting = forgetOldEvents(pool, config.CONSUMER_INBOX_RETENTION_HOURS, logger, housekeeping.signal)
    onStop('housekeeping', () => { housekeeping.abort(); return forgetting })

    health.addReadiness('consumer group', () => { throw new Error('Kafka has not been reached yet') })
    logger.info({
      http: await app.listen({ host: config.HTTP_HOST, port: config.HTTP_PORT }),
      ops: await ops.listen({ host: config.OPS_HOST, port: config.OPS_PORT })
    }, 'listening')

    const connection = createKafka(config, { clientId: 'order-consumer', logger })
    const deadLetters = new DeadLetterTopic(connection, config.CONSUMER_DEAD_LETTER_TOPIC)
    onStop('dead letters', () => deadLetters.close())
    const consumer = await runConsumer({
      connection,
      groupId: config.CONSUMER_GROUP,
      topics: [config.CONSUMER_TOPIC],
      sessionTimeoutMs: config.CONSUMER_SESSION_TIMEOUT_MS,
      onFatal: fail,
      handleBatch: (batch) => applyBatch(batch, {
        pool, deadLetters, metrics, logger, maxEvents: config.CONSUMER_BATCH_EVENTS, poisonAttempts: config.CONSUMER_POISON_ATTEMPTS
      })
    })
    onStop('consumer', () => consumer.stop())
    health.addReadiness('consumer group', () => { consumer.health.assertJoined() })
    health.addLiveness('consumer', () => { consumer.health.assertAlive() })
  }
})
