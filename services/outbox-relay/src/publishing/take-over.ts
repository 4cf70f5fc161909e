import { openTransactionalPublisher, type Position, type TransactionalPublisher } from '@orders/kafka'
import { assertHeld, complete, dropClaim, NO_EVENTS, takeOverShard, type Fence, type ShardState, type SqlClient, type TakenOver } from '@orders/outbox'
import type { Delivery, ExactlyOnceOptions, PublishingTerm } from './delivery.ts'

export interface TakeOverOptions {
  db: SqlClient
  shard: number
  /** The name of this process, as it is written to `relay_shard`. */
  holder: string
  /** The layout token under which the shard is taken over. */
  layout: string
  /** Take over only if the shard is still as this says; undefined: from any holder. */
  expected: Fence | ShardState | undefined
  delivery: Delivery
  /** Called after step 1. The next takeover has to present this fence, also when a later step of this one fails. */
  onEpochRaised: (fence: Fence) => void
}

/**
 * Makes this relay the only one that publishes the shard. A relay takes over when it becomes leader and after every failure of
 * any kind. There is no other recovery.
 *
 * 1. **Raise the epoch** in Postgres. From here on no former leader can claim or complete a batch.
 * 2. **Fence the producers** in Kafka. From here on no former leader can commit a batch.
 * 3. **Confirm the epoch.** Kafka favours the relay that opened its producers last, which can be a former leader that woke up
 *    late. Postgres decides.
 * 4. **Settle the claim.** The batch that was in flight is in Kafka as a whole, or not at all. The position tells which.
 *
 * @throws FencedError when another relay has the shard
 */
export async function takeOver ({ db, shard, holder, layout, expected, delivery, onEpochRaised }: TakeOverOptions): Promise<PublishingTerm> {
  // Step 1, before step 2: a leader that is fenced in Kafka alone would take over again, and fence this relay in turn.
  const taken = await takeOverShard(db, shard, holder, { expected, layout })
  onEpochRaised(taken.fence)
  return delivery.begin(taken)
}

export interface SettledTakeover {
  /** To be closed by the caller. */
  publisher: TransactionalPublisher
  /** The highest batch number in use. */
  lastBatch: bigint
  foundForeignPosition: boolean
}

/**
 * Steps 2 to 4 for exactly-once delivery. At least once has no claims and no transactions, so it only opens a producer: see
 * {@link AtLeastOnce}.
 *
 * @throws FencedError when another relay has taken the shard over since step 1
 */
export async function fenceAndSettle (taken: TakenOver, options: ExactlyOnceOptions): Promise<SettledTakeover> {
  await using opened = new AsyncDisposableStack()
  const publisher = await fenceProducers(options)
  opened.defer(() => publisher.close())
  await confirmEpoch(taken, options)
  const position = await publisher.position()
  const claim = await settleClaim(taken, position, options)
  opened.move()
  return { publisher, lastBatch: higher(taken.batch, position?.batch ?? 0n), foundForeignPosition: claim === 'foreign' }
}

/**
 * Step 2. Opening a transactional producer fences every earlier one with the same transactional id. A transaction that one of them
 * left open is committed or aborted when this resolves, so the position that is read in step 4 is final.
 */
async function fenceProducers (options: ExactlyOnceOptions): Promise<TransactionalPublisher> {
  const { kafka, name, shard, positionTopic, sendDeadlineMs, maxSendBytes, transactionTimeoutMs } = options
  return openTransactionalPublisher(kafka, {
    transactionalId: `${name}-${shard}`, positionGroup: `${name}-${shard}`, positionTopic, sendDeadlineMs, maxSendBytes, transactionTimeoutMs
  })
}

/**
 * Step 3. Kafka gives its producer epoch to the relay that asks last. A former leader that was frozen in step 2 takes it from its
 * successor when it wakes up. Here it finds that the shard is not its own any more, before it changes anything.
 */
async function confirmEpoch ({ fence }: TakenOver, { db }: ExactlyOnceOptions): Promise<void> {
  await assertHeld(db, fence)
}

/** What the position tells about the claimed batch. */
type ClaimState =
  /** It is in Kafka, as a whole. */
  | 'published'
  /** It is not in Kafka, not even in part; or no batch was claimed. */
  | 'unpublished'
  /** Unknown: the position belongs to another database, or to another time of this one. */
  | 'foreign'

/**
 * Step 4. Deletes the claimed events if they are in Kafka, and drops the claim otherwise. Afterwards Postgres has the token that
 * Kafka has, so one restore is found once and not at every takeover.
 */
async function settleClaim (taken: TakenOver, position: Position | undefined, { db, logger, name, shard }: ExactlyOnceOptions): Promise<ClaimState> {
  const { fence, batch, token, outstanding } = taken
  const found = position ?? { batch: 0n, token: '' }
  const fields = { shard, epoch: fence.epoch, batch, position: found.batch, events: outstanding?.ids.length ?? 0 }
  const state = stateOfClaim(taken, position)
  switch (state) {
    case 'published':
      logger.info({ event: 'claim_published', ...fields }, 'the batch in flight is in Kafka')
      await complete(db, fence, outstanding ?? NO_EVENTS)
      break
    case 'unpublished':
      if (outstanding !== undefined) logger.info({ event: 'claim_dropped', ...fields }, 'the batch in flight is not in Kafka')
      // Equal tokens with a higher number in Kafka: neither has a token yet, and Postgres was restored.
      if (outstanding !== undefined || found.token !== token || found.batch > batch) await dropClaim(db, fence, found)
      break
    case 'foreign':
      logger.error({ event: 'position_foreign', relayName: name, ...fields },
        `the position in Kafka is not from this database: expected RELAY_NAME ${name} to be used by one database only, and that database not to be restored. ` +
        'Nothing is deleted because of it, and the batch in flight is published again. ' +
        'After a restore this is expected once for each shard. If it happens again, another database uses this RELAY_NAME on the same Kafka: give each database its own')
      // Published again, the claimed events may be duplicates. Deleted, they could be lost.
      await dropClaim(db, fence, found)
  }
  return state
}

/** Tokens are compared, never numbers: a number comes again after a restore, and in another database. */
function stateOfClaim ({ token, tokenBefore, outstanding }: TakenOver, position: Position | undefined): ClaimState {
  // The group is new, expired or deleted. No position is no other database's position.
  if (position === undefined) return 'unpublished'
  if (outstanding !== undefined && token !== '' && position.token === token) return 'published'
  // A dead letter clears the claim of its batch, which Kafka has refused: then Kafka has the token before.
  const expected = outstanding === undefined ? [token, tokenBefore] : [tokenBefore]
  return expected.includes(position.token) ? 'unpublished' : 'foreign'
}

function higher (a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
