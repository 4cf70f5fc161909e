import { setTimeout as delay } from 'node:timers/promises'
import type { KafkaConnection } from '@orders/kafka'
import {
  announceLayoutChange, changeLayout as writeLayout, FencedError, readLayout, takeOverShard, type Fence, type Layout, type LayoutSettings, type TakenOver
} from '@orders/outbox'
import { isUnavailable, withTransaction } from '@orders/service-kit'
import type pg from 'pg'
import type { Logger } from 'pino'
import type { ExactlyOnceOptions } from '../publishing/delivery.ts'
import { fenceAndSettle } from '../publishing/take-over.ts'
import { differencesOf } from './layout-guard.ts'

export interface ChangeLayoutOptions {
  db: pg.Pool
  kafka: KafkaConnection
  /** The new settings. */
  settings: LayoutSettings
  /** Needed to settle the batches in flight. */
  publishing: Pick<ExactlyOnceOptions, 'sendDeadlineMs' | 'maxSendBytes' | 'transactionTimeoutMs'>
  /** The name of this process, as it is written to `relay_shard`. */
  processName: string
  logger: Logger
}

/** Relays take no shard over for this long, in milliseconds; a change of 64 shards takes less. */
export const KEEP_AWAY_MS = 30_000
const ATTEMPTS = 5
const PAUSE_MS = 1_000

/**
 * Changes the settings that all relays of a database must have in common. No relay has to be stopped, and nothing is published twice or
 * out of order. If the change ends halfway, the old settings stay, and their relays publish again after {@link KEEP_AWAY_MS}.
 *
 * 1. Take over every shard of the old settings and of the new ones, which fences their leaders.
 * 2. Settle the batch in flight of each shard, as every takeover does. Now no batch is between Postgres and Kafka.
 * 3. In one transaction, write the new settings and fence every relay under the old ones. The transaction does nothing if one of the
 *    shards was taken over since.
 *
 * From then on relays with the old settings do not publish, and relays with the new ones do.
 *
 * A lost connection, and a lock that an earlier change still holds, are followed by another attempt. It first reads which settings are in
 * force: the answer that was lost may be the one of the commit.
 *
 * @returns whether there was anything to change
 * @throws FencedError when relays took shards over at every attempt
 * @throws the error of Postgres or Kafka. If it is one of Postgres, the settings may be changed
 */
export async function changeLayout (options: ChangeLayoutOptions): Promise<boolean> {
  const { db, logger, settings } = options
  let from: Layout | undefined
  for (let attempt = 1; ; attempt++) {
    try {
      const found = await readLayout(db)
      const isInForce = found === undefined || differencesOf(settings, found).length === 0
      if (isInForce && from === undefined) return false
      from ??= found
      // Otherwise an earlier attempt has changed them, and its answer was lost.
      if (!isInForce) await change(found, options)
      logger.info({ event: 'layout_changed', from: from && describe(from), to: settings }, 'the settings of this database\'s relays are changed')
      return true
    } catch (error) {
      const isRace = error instanceof FencedError
      if (!(isRace || isUnavailable(error)) || attempt === ATTEMPTS) throw error
      logger.info({ event: isRace ? 'layout_change_raced' : 'layout_change_unanswered', err: error, attempt },
        isRace ? 'a relay took a shard over meanwhile; trying again' : 'no answer from Postgres; finding out which settings are in force, and trying again')
      await delay(PAUSE_MS)
    }
  }
}

async function change (found: Layout, options: ChangeLayoutOptions): Promise<void> {
  const { db, processName, settings } = options
  // Only makes a race unlikely: step 3 finds the relays that have read the layout before.
  await announceLayoutChange(db, found.layout, KEEP_AWAY_MS)
  const fences: Fence[] = []
  const shards = await shardsToHold(db, found, settings)
  for (let shard = 0; shard < shards; shard++) {
    const taken = await takeOverShard(db, shard, processName)
    if (taken.outstanding !== undefined) await settle(taken, shard, found, options)
    fences.push(taken.fence)
  }
  const keepPositions = found.relayName === settings.relayName && found.positionTopic === settings.positionTopic
  await withTransaction(db, (client) => writeLayout(client, found.layout, settings, fences, keepPositions))
}

/** Every shard that a relay may publish now, or will publish. */
async function shardsToHold (db: pg.Pool, found: Layout, settings: LayoutSettings): Promise<number> {
  const { rows: [row] } = await db.query<{ known: number }>('SELECT coalesce(max(shard) + 1, 0) AS known FROM relay_shard')
  return Math.max(found.shards, settings.shards, row?.known ?? 0)
}

/** Settles a batch that was published under the old settings. */
async function settle (
  taken: TakenOver, shard: number, { relayName, positionTopic }: Layout, { db, kafka, logger, publishing }: ChangeLayoutOptions
): Promise<void> {
  const { publisher } = await fenceAndSettle(taken, { db, kafka, shard, logger, name: relayName, positionTopic, ...publishing })
  await publisher.close()
}

function describe ({ relayName, shards, positionTopic, delivery }: Layout): LayoutSettings {
  return { relayName, shards, positionTopic, delivery }
}
