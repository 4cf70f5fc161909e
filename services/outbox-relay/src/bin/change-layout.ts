// Entry point: changes, on purpose, the settings that all relays of a database have to have alike: RELAY_NAME, RELAY_SHARDS,
// RELAY_DEFAULT_TOPIC, RELAY_DELIVERY. Run once with the relay's new settings; relays with the old ones stop publishing.
//   node dist/bin/change-layout.js
import { hostname } from 'node:os'
import { createKafka } from '@orders/kafka'
import { READ_SESSION_OPTIONS } from '@orders/outbox'
import { configOrExit, createLogger, createPool } from '@orders/service-kit'
import { loadRelayConfig } from '../config.ts'
import { changeLayout } from '../layout/layout-change.ts'
import { processName } from '../leadership/identity.ts'
import { layoutOf } from '../relay.ts'

const config = configOrExit('change-layout', () => loadRelayConfig())
const logger = createLogger({ name: 'change-layout', level: config.LOG_LEVEL })
const processId = processName(config.RELAY_IDENTITY ?? hostname())
const db = createPool({ url: config.DATABASE_URL, applicationName: 'change-layout', max: 2, sessionOptions: READ_SESSION_OPTIONS, logger })
try {
  const changed = await changeLayout({
    db,
    kafka: createKafka(config, { clientId: processId, logger }),
    settings: layoutOf(config),
    publishing: {
      sendDeadlineMs: config.RELAY_SEND_DEADLINE_MS, maxSendBytes: config.RELAY_MAX_RECORD_BYTES, transactionTimeoutMs: config.RELAY_TRANSACTION_TIMEOUT_MS
    },
    process: processId,
    logger
  })
  if (!changed) logger.info({ event: 'layout_unchanged' }, 'there is nothing to change: no relay has published from this database yet, or it has these settings')
} catch (error) {
  logger.fatal({ event: 'layout_change_failed', err: error }, 'the settings were not changed')
  process.exitCode = 1
} finally {
  await db.end()
}
