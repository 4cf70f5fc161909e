// Entry point: changes the settings that all relays of a database must have in common: RELAY_NAME, RELAY_SHARDS,
// RELAY_DEFAULT_TOPIC, RELAY_DELIVERY. Run it once with the relay's new settings. Relays with the old ones stop publishing.
//   node dist/bin/change-layout.js
import { hostname } from 'node:os'
import { createKafka } from '@orders/kafka'
import { READ_SESSION_OPTIONS } from '@orders/outbox'
import { configOrExit, createLogger, createPool } from '@orders/service-kit'
import { loadRelayConfig } from '../config.ts'
import { changeLayout } from '../layout/layout-change.ts'
import { newProcessName } from '../leadership/process-name.ts'
import { layoutOf } from '../relay.ts'

const config = configOrExit('change-layout', () => loadRelayConfig())
const logger = createLogger({ name: 'change-layout', level: config.LOG_LEVEL })
const name = newProcessName(config.RELAY_IDENTITY ?? hostname())
const db = createPool({ url: config.DATABASE_URL, applicationName: 'change-layout', max: 2, sessionOptions: READ_SESSION_OPTIONS, logger })
try {
  const changed = await changeLayout({
    db,
    kafka: createKafka(config, { clientId: name, logger }),
    settings: layoutOf(config),
    publishing: {
      sendDeadlineMs: config.RELAY_SEND_DEADLINE_MS, maxSendBytes: config.RELAY_MAX_RECORD_BYTES, transactionTimeoutMs: config.RELAY_TRANSACTION_TIMEOUT_MS
    },
    processName: name,
    logger
  })
  if (!changed) logger.info({ event: 'layout_unchanged' }, 'nothing to change: no relay has published from this database yet, or it has these settings already')
} catch (error) {
  logger.fatal({ event: 'layout_change_failed', err: error }, 'the change of the settings failed; run it again')
  process.exitCode = 1
} finally {
  await db.end()
}
