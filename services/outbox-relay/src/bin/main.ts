import { hostname } from 'node:os'
import { createKafka, createTopicProbe } from '@orders/kafka'
import { assertReadable, listenForWakeups, READ_SESSION_OPTIONS } from '@orders/outbox'
import {
  ConfigError, connectionOptions, createHealth, createMetrics, createOpsServer, createPool, listen, poolMetrics, refuseUnfitPooler, runService
} from '@orders/service-kit'
import { loadRelayConfig, type RelayConfig } from '../config.ts'
import { hintFor } from '../publishing/failure-hints.ts'
import { newProcessName } from '../leadership/process-name.ts'
import { kubernetesProblems } from '../leadership/lease-store.ts'
import { LayoutGuard, runInLayout } from '../layout/layout-guard.ts'
import { runElected } from '../leadership/run-elected.ts'
import { RelayMetrics } from '../metrics.ts'
import { createShardRelay, layoutOf } from '../relay.ts'
import { reportBacklog } from '../report-backlog.ts'
import { runAlone } from '../leadership/run-alone.ts'
import { TopicGate } from '../publishing/topic-gate.ts'
import { TopicMap } from '../publishing/topics.ts'
import { Wakeups } from '../publishing/wakeups.ts'

const health = createHealth()

await runService({
  name: 'outbox-relay',
  health,
  loadConfig: loadHere,
  async start ({ config, logger, onStop, fail }) {
    const { registry } = createMetrics({ service: 'outbox-relay' })
    const metrics = new RelayMetrics(registry)
    metrics.competesFor(config.RELAY_SHARDS)
    const processName = newProcessName(config.RELAY_IDENTITY ?? hostname())

    const ops = createOpsServer({ health, registry })
    onStop('ops server', () => ops.close())

    const db = createPool({
      url: config.DATABASE_URL, applicationName: 'outbox-relay', max: config.DATABASE_POOL_SIZE, sessionOptions: READ_SESSION_OPTIONS, logger
    })
    poolMetrics(registry, db)
    refuseUnfitPooler(db, fail)
    health.addReadiness('postgres', async () => {
      await assertReadable(db).catch((error: Error) => { throw new Error(`${error.message}${hintFor(error)}`, { cause: error }) })
    })
    onStop('pool', () => db.end())

    const kafka = createKafka(config, { clientId: processName, logger })
    const gate = new TopicGate({
      topics: TopicMap.parse(config.RELAY_TOPICS, config.RELAY_DEFAULT_TOPIC),
      positionTopic: config.RELAY_DELIVERY === 'exactly-once' ? config.RELAY_DEFAULT_TOPIC : undefined,
      probe: createTopicProbe(kafka, { deadlineMs: config.RELAY_SEND_DEADLINE_MS }),
      graceMs: config.RELAY_TOPIC_GRACE_MS,
      logger,
      onChange: (topic, isWithheld) => { metrics.topicWithheld(topic, isWithheld) }
    })
    // Found once is enough: in a later outage, taking the replica out would not help.
    health.addReadiness('kafka', () => { gate.assertFound() })

    const stop = new AbortController()
    const reporting = reportBacklog({ db, metrics, logger, types: () => gate.types }, stop.signal)
    onStop('backlog report', () => { stop.abort(); return reporting })
    const looking = gate.run(stop.signal)
    onStop('topics', () => { stop.abort(); return looking })

    const layout = new LayoutGuard({ db, settings: layoutOf(config) })
    const parts = { config, db, layout, kafka, metrics, gate, processName, logger }
    const shards = Array.from({ length: config.RELAY_SHARDS }, (_, shard) => {
      const wakeups = new Wakeups()
      return { wakeups, relay: createShardRelay(shard, wakeups, parts) }
    })
    const relays = shards.map(({ relay }) => relay)
    // The reads have passed the events that waited: sweep.
    gate.onBack(() => { for (const { wakeups } of shards) wakeups.notify(true) })
    const listener = listenForWakeups({
      connection: connectionOptions({ url: config.DATABASE_URL, applicationName: 'outbox-relay wake-up' }),
      onWakeup: (sweep) => { for (const { wakeups } of shards) wakeups.notify(sweep) },
      onError: (error) => { logger.warn({ event: 'wakeups_not_heard', err: error }, 'LISTEN failed; polling the outbox') }
    })
    onStop('wake-ups', () => listener.close())

    const publishing = new AbortController()
    const { RELAY_BACKOFF_MAX_MS: pauseMs, RELAY_LEASE: lease } = config
    const running = runInLayout({ guard: layout, health, pauseMs, logger }, (signal) => lease === 'none'
      ? Promise.all(relays.map((relay) => runAlone(relay, pauseMs, logger, signal)))
      : runElected(relays, lease, parts, health, signal), publishing.signal)
    running.catch(fail)
    onStop('relay', () => { publishing.abort(); return running })

    logger.info({ event: 'listening', ops: await listen(ops, 'OPS', config) }, 'listening')
  }
})

/** Settings that cannot work on this machine are refused like settings that cannot work anywhere. */
function loadHere (env: NodeJS.ProcessEnv): RelayConfig {
  const config = loadRelayConfig(env)
  const problems = kubernetesProblems(config, env)
  if (problems.length > 0) throw new ConfigError(problems)
  return config
}
