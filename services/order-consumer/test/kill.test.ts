import { until } from '@orders/testing/framework'
import t, { type Test } from 'tap'
import { setUp, type Stage } from './order-consumer.ts'
import { eventIdOf, lives } from './order-events.ts'

const KILLS = 3

interface Snapshot {
  committed: Map<number, bigint>
  inbox: Set<string>
}

/** Of what a killed consumer left behind. */
async function snapshot (stage: Stage): Promise<Snapshot> {
  return { committed: await stage.committed(), inbox: new Set(await stage.inbox()) }
}

async function assertNoOffsetWithoutEffect (t: Test, stage: Stage, snapshots: readonly Snapshot[]): Promise<void> {
  const records = await stage.admin.readTopic(stage.topic)
  for (const [index, { committed, inbox }] of snapshots.entries()) {
    const unapplied = records.filter(({ partition, offset, headers }) => offset < (committed.get(partition) ?? 0n) && !inbox.has(String(headers.ce_id)))
    t.same(unapplied, [], `kill ${index + 1}: every record before the committed offsets has been applied`)
  }
}

t.test('killed again and again under load: each effect exactly once, and no offset before its effect', async (t) => {
  const stage = await setUp(t, { partitions: 3 })
  const events = lives(600, 5)
  const snapshots: Snapshot[] = []
  const service = await stage.start({ CONSUMER_BATCH_EVENTS: '20' })
  let published = 0
  const publishing = (async () => {
    for (; published < events.length; published += 50) await stage.publish(events.slice(published, published + 50))
  })()
  for (let kill = 1; kill <= KILLS; kill++) {
    const { applied } = await stage.stats()
    await until(async () => (await stage.stats()).applied > Math.min(applied + 40, events.length - 1), { what: `some progress before kill ${kill}` })
    service.kill('SIGKILL')
    await service.exited()
    snapshots.push(await snapshot(stage))
    await service.start()
  }
  await publishing
  await until(async () => (await stage.stats()).applied >= events.length, { what: 'all events to be applied', deadlineMs: 60_000 })
  t.same(await stage.effects(), events.map(eventIdOf).sort())
  t.match(await stage.stats(), { applied: events.length, gaps: 0, deadLetters: 0 })
  await stage.caughtUp()
  await assertNoOffsetWithoutEffect(t, stage, snapshots)
})

t.test('killed in the middle of a transaction: nothing of it stays, and it is done again', async (t) => {
  const stage = await setUp(t)
  const events = lives(10, 2)
  const blocker = await stage.owner.connect()
  await blocker.query('BEGIN')
  // The inbox is written by then, the history not yet.
  await blocker.query('LOCK TABLE order_history IN ACCESS EXCLUSIVE MODE')
  await stage.publish(events)
  const service = await stage.start()
  await until(async () => {
    const { rows } = await stage.owner.query('SELECT FROM pg_locks WHERE relation = \'order_history\'::regclass AND NOT granted')
    return rows.length > 0
  }, { what: 'the transaction to wait in its middle' })
  service.kill('SIGKILL')
  await service.exited()
  await blocker.query('ROLLBACK')
  blocker.release()
  // A session whose process is gone may still finish the statement that it waits with; without a COMMIT it leaves nothing.
  await until(async () => {
    const { rows } = await stage.owner.query('SELECT FROM pg_stat_activity WHERE application_name = \'order-consumer\' AND datname = current_database()')
    return rows.length === 0
  }, { what: 'its sessions to end' })
  t.same(await stage.inbox(), [])
  t.same(await stage.effects(), [])
  t.equal((await stage.committed()).get(0), undefined)

  await service.start()
  await stage.settled(events.length)
  t.same(await stage.effects(), events.map(eventIdOf).sort())
  t.match(await stage.stats(), { applied: 20, duplicates: 0 })
})
