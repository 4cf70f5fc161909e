import { until } from '@orders/testing/framework'
import t, { type Test } from 'tap'
import { setUp, type ConsumerFixture } from './order-consumer.ts'
import { eventIdOf, lives } from './order-events.ts'

const KILLS = 3

interface Snapshot {
  committed: Map<number, bigint>
  inbox: Set<string>
}

/** Checks the state after a kill. */
async function snapshot (fixture: ConsumerFixture): Promise<Snapshot> {
  return { committed: await fixture.committed(), inbox: new Set(await fixture.inbox()) }
}

async function assertNoOffsetWithoutEffect (t: Test, fixture: ConsumerFixture, snapshots: readonly Snapshot[]): Promise<void> {
  const records = await fixture.admin.readTopic(fixture.topic)
  for (const [index, { committed, inbox }] of snapshots.entries()) {
    const unapplied = records.filter(({ partition, offset, headers }) => offset < (committed.get(partition) ?? 0n) && !inbox.has(String(headers.ce_id)))
    t.same(unapplied, [], `kill ${index + 1}: every record before the committed offsets has been applied`)
  }
}

t.test('repeated kills under load: each effect exactly once, and no offset before its effect', async (t) => {
  const fixture = await setUp(t, { partitions: 3 })
  const events = lives(600, 5)
  const snapshots: Snapshot[] = []
  const service = await fixture.start({ CONSUMER_BATCH_EVENTS: '20' })
  let published = 0
  const publishing = (async () => {
    for (; published < events.length; published += 50) await fixture.publish(events.slice(published, published + 50))
  })()
  for (let kill = 1; kill <= KILLS; kill++) {
    const { applied } = await fixture.stats()
    await until(async () => (await fixture.stats()).applied > Math.min(applied + 40, events.length - 1), { what: `some progress before kill ${kill}` })
    service.kill('SIGKILL')
    await service.exited()
    snapshots.push(await snapshot(fixture))
    await service.start()
  }
  await publishing
  await until(async () => (await fixture.stats()).applied >= events.length, { what: 'all events to be applied', deadlineMs: 60_000 })
  t.same(await fixture.effects(), events.map(eventIdOf).sort())
  t.match(await fixture.stats(), { applied: events.length, gaps: 0, deadLetters: 0 })
  await fixture.caughtUp()
  await assertNoOffsetWithoutEffect(t, fixture, snapshots)
})

t.test('killed in the middle of a transaction: it is rolled back, and applied again', async (t) => {
  const fixture = await setUp(t)
  const events = lives(10, 2)
  const blocker = await fixture.owner.connect()
  await blocker.query('BEGIN')
  // At this moment the inbox is written, and the history is not.
  await blocker.query('LOCK TABLE order_history IN ACCESS EXCLUSIVE MODE')
  await fixture.publish(events)
  const service = await fixture.start()
  await until(async () => {
    const { rows } = await fixture.owner.query('SELECT FROM pg_locks WHERE relation = \'order_history\'::regclass AND NOT granted')
    return rows.length > 0
  }, { what: 'the transaction to wait in its middle' })
  service.kill('SIGKILL')
  await service.exited()
  await blocker.query('ROLLBACK')
  blocker.release()
  // The session of a dead process may still finish its statement. Without a COMMIT it is rolled back.
  await until(async () => {
    const { rows } = await fixture.owner.query('SELECT FROM pg_stat_activity WHERE application_name = \'order-consumer\' AND datname = current_database()')
    return rows.length === 0
  }, { what: 'its sessions to end' })
  t.same(await fixture.inbox(), [])
  t.same(await fixture.effects(), [])
  t.equal((await fixture.committed()).get(0), undefined)

  await service.start()
  await fixture.settled(events.length)
  t.same(await fixture.effects(), events.map(eventIdOf).sort())
  t.match(await fixture.stats(), { applied: 20, duplicates: 0 })
})
