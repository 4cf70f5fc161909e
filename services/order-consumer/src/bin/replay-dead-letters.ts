// Entry point: sends dead letters to the topic that they came from again, as they were. With the service's own settings.
//   node dist/bin/replay-dead-letters.js [--reason schema] [--dry-run]
import { parseArgs } from 'node:util'
import { createAdmin, createKafka, openPlainPublisher, type StoredRecord } from '@orders/kafka'
import { configOrExit, createLogger } from '@orders/service-kit'
import { loadConsumerConfig, type ConsumerConfig } from '../config.ts'
import { isStandIn, readVerdict, withoutVerdict } from '../dead-letters/headers.ts'
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
  if (isStandIn(headers)) logger.warn({ event: 'dead_letter_not_replayable', ...readVerdict(headers) }, 'this dead letter does not hold its record: it cannot be replayed, only looked up at its origin')
}
for (const { headers } of letters) logger.info({ event: 'dead_letter_found', ...readVerdict(headers), dryRun }, 'dead letter')
if (!dryRun) await replay(letters)
logger.info({ event: 'dead_letters_replayed', letters: letters.length, topic: config.CONSUMER_TOPIC, dryRun }, dryRun ? 'would be replayed' : 'replayed')

async function readLetters ({ CONSUMER_DEAD_LETTER_TOPIC: topic }: ConsumerConfig): Promise<StoredRecord[]> {
  const admin = await createAdmin(connection)
  return admin.readTopic(topic).finally(() => admin.close())
}

/** Of this topic, for this reason, and each once: after a crash of the consumer a record may be there twice. */
function select (letters: readonly StoredRecord[]): StoredRecord[] {
  const byOrigin = new Map<string, StoredRecord>()
  for (const letter of letters) {
    const verdict = readVerdict(letter.headers)
    if (verdict.origin.topic !== config.CONSUMER_TOPIC || (reason !== undefined && verdict.reason !== reason)) continue
    const origin = `${verdict.origin.partition}/${verdict.origin.offset}`
    const known = byOrigin.get(origin)
    // A letter that was thought lost may be there all the same, before its stand-in.
    if (known === undefined || isStandIn(known.headers)) byOrigin.set(origin, letter)
  }
  return [...byOrigin.values()]
}

async function replay (letters: readonly StoredRecord[]): Promise<void> {
  const publisher = await openPlainPublisher(connection, { sendDeadlineMs: SEND_DEADLINE_MS, maxSendBytes: MAX_SEND_BYTES })
  await publisher.publish(letters.map(({ key, value, headers }) => ({
    topic: config.CONSUMER_TOPIC, key, value, headers: withoutVerdict(headers)
  }))).finally(() => publisher.close())
}
