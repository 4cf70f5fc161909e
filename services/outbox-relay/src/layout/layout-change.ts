import { setTimeout as delay } from 'node:timers/promises'
import type { KafkaConnection } from '@orders/kafka'
import {
  announceLayoutChange, changeLayout as writeLayout, FencedError, readLayout, takeOverShard, type Fence, type Layout, type LayoutSettings
} from '@orders/outbox'
import { withTransaction } from '@orders/service-kit'
import type pg from 'pg'
import type { Logger } from 'pino'
import { ExactlyOnce, type ExactlyOnceOptions } from '../publishing/exactly-once.ts'
import { differencesOf } from './layout-guard.ts'

export interface ChangeLayoutOptions {
  db: pg.Pool
  kafka: KafkaConnection
  /** The settings that are to be. */
  settings: LayoutSettings
  /** How it publishes, for the batches that are in flight. */
  publishing: Pick<ExactlyOnceOptions, 'sendDeadlineMs' | 'maxSendBytes' | 'transactionTimeoutMs'>
  /** This process, as it stands in `relay_shard`. */
  process: string
  logger: Logger
}

/** For so long relays keep away from the shards; longer than a change of 64 shards takes. */
const KEEP_AWAY_MS = 30_000
const ATTEMPTS = 5
const PAUSE_MS = 1_000

/**
 * Changes the settings that all relays of a database have to have alike. Nothing has to be stopped, nothing is published twice or
 * out of order, and to end it in the middle leaves all as it was:
 *
 * 1. take over every shard of the old settings and of the new ones, which fences their leaders;
 * 2. settle what was in flight in each of them, as every take-over does: now no batch is between Postgres and Kafka;
 * 3. write the new settings and fence everybody under the old ones, in one transaction, which does nothing if one of the shards was
 *    taken over since.
 *
 * From then on relays with the old settings do not publish, and those with the new ones do.
 *
 * @returns whether there was anything to change
 * @throws FencedError when relays took shards over each time it was tried
 */
export async function changeLayout (options: ChangeLayoutOptions): Promise<boolean> {
  const { db, logger, settings } = options
  for (let attempt = 1; ; attempt++) {
    const found = await readLayout(db)
    if (found === undefined || differencesOf(settings, found).length === 0) return false
    try {
      await change(found, options)
      logger.info({ event: 'layout_changed', from: describe(found), to: settings }, 'the settings of this database\'s relays are changed')
      return true
    } catch (error) {
      if (!(error instanceof FencedError) || attempt === ATTEMPTS) throw error
      logger.info({ event: 'layout_change_raced', err: error, attempt }, 'a relay took a shard over meanwhile; trying again')
      await delay(PAUSE_MS)
    }
  }
}

async function change (found: Layout, options: ChangeLayoutOptions): Promise<void> {
  const { db, process, settings } = options
  // Only so that nobody gets in between: step 3 finds out about those who have looked before.
  await announceLayoutChange(db, found.layout, KEEP_AWAY_MS)
  const fences: Fence[] = []
  const shards = await shardsToHold(db, found, settings)
  for (let shard = 0; shard < shards; shard++) {
    const taken = await takeOverShard(db, shard, process)
    if (taken.outstanding !== undefined) {
      const term = await oldDelivery(shard, found, options).begin(taken)
      await term.close()
    }
    fences.push(taken.fence)
  }
  const keepPositions = found.relayName === settings.relayName && found.positionTopic === settings.positionTopic
  await withTransaction(db, (client) => writeLayout(client, found.layout, settings, fences, keepPositions))
}

/** Every shard that a relay could be publishing, or will be. */
async function shardsToHold (db: pg.Pool, found: Layout, settings: LayoutSettings): Promise<number> {
  const { rows: [row] } = await db.query<{ known: number }>('SELECT coalesce(max(shard) + 1, 0) AS known FROM relay_shard')
  return Math.max(found.shards, settings.shards, row?.known ?? 0)
}

function oldDelivery (shard: number, { relayName, positionTopic }: Layout, { db, kafka, logger, publishing }: ChangeLayoutOptions): ExactlyOnce {
  return new ExactlyOnce({ db, kafka, shard, logger, name: relayName, positionTopic, ...publishing })
}

function describe ({ relayName, shards, positionTopic, delivery }: Layout): LayoutSettings {
  return { relayName, shards, positionTopic, delivery }
}
