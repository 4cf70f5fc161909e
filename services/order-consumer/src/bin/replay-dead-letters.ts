// Command: sends dead letters back to their topic, unchanged. It needs the settings of the service.
//   node dist/bin/replay-dead-letters.js [--reason schema] [--dry-run]
import { parseArgs } from 'node:util'
import { createAdmin, createKafka, openPlainPublisher, type StoredRecord } from '@orders/kafka'
import { configOrExit, createLogger } from '@orders/service-kit'
import { loadConsumerConfig, type ConsumerConfig } from '../config.ts'
import { isStandIn, readInfo, withoutInfo } from '../dead-letters/headers.ts'
import { MAX_SEND_BYTES } from '../dead-letters/dead-letters.ts'

const SEND_DEADLINE_MS = 30_000

const { values: { reason, 'dry-run': dryRun } } = parseArgs({
  options: { reason: { type: 'string' }, 'dry-run': { type: 'boolean', default: false } }
})
const config = configOrExit('replay-dead-letters', () => loadConsumerConfig())
const logger = createLogger({ name: 'replay-dead-letters', level: config.LOG_LEVEL })
const connection = createKafka(config, { clientId: 'replay-dead-letters', logger })

const selected = select(await readLetters(config))
const letters = selected.filter(({ headers }) => !isStandIn(headers))
for (const { headers } of selected) {
  if (isStandIn(headers)) logger.warn({ event: 'dead_letter_not_replayable', ...readInfo(headers) }, 'this dead letter does not contain its record and cannot be replayed: look the record up at its origin')
}
for (const { headers } of letters) logger.info({ event: 'dead_letter_found', ...readInfo(headers), dryRun }, 'dead letter')
if (!dryRun) await replay(letters)
logger.info({ event: 'dead_letters_replayed', letters: letters.length, topic: config.CONSUMER_TOPIC, dryRun }, dryRun ? 'would be replayed' : 'replayed')

async function readLetters ({ CONSUMER_DEAD_LETTER_TOPIC: topic }: ConsumerConfig): Promise<StoredRecord[]> {
  const admin = await createAdmin(connection)
  return admin.readTopic(topic).finally(() => admin.close())
}

/** Filters by topic and reason, and removes copies: after a crash of the consumer a dead letter may be there twice. */
function select (letters: readonly StoredRecord[]): StoredRecord[] {
  const byOrigin = new Map<string, StoredRecord>()
  for (const letter of letters) {
    const info = readInfo(letter.headers)
    if (info.origin.topic !== config.CONSUMER_TOPIC || (reason !== undefined && info.reason !== reason)) continue
    const origin = `${info.origin.partition}/${info.origin.offset}`
    const known = byOrigin.get(origin)
    // A letter whose publish timed out may be there after all, before its stand-in.
    if (known === undefined || isStandIn(known.headers)) byOrigin.set(origin, letter)
  }
  return [...byOrigin.values()]
}

async function replay (letters: readonly StoredRecord[]): Promise<void> {
  const publisher = await openPlainPublisher(connection, { sendDeadlineMs: SEND_DEADLINE_MS, maxSendBytes: MAX_SEND_BYTES })
  await publisher.publish(letters.map(({ key, value, headers }) => ({
    topic: config.CONSUMER_TOPIC, key, value, headers: withoutInfo(headers)
  }))).finally(() => publisher.close())
}
