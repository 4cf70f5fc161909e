import { createAdmin } from '@orders/kafka'
import { until } from '@orders/local-stack/harness'
import t from 'tap'
import { interrupt } from './stage/interrupt.ts'
import { statement } from './stage/requests.ts'
import { EXACTLY_ONCE, Stage, type Relay } from './stage/stage.ts'

const AGGREGATES = ['a', 'b', 'c']
const settings = { RELAY_LEASE: 'none' }

/** Kills the relay with a batch in Kafka that Postgres does not know of. */
async function killBeforeComplete (stage: Stage, relay: Relay): Promise<void> {
  await interrupt({ when: 'before the complete', link: 'postgres', request: () => statement('outbox_complete'), at: 'request' }, {
    relay, kafka: relay.postgres, signal: 'SIGKILL', meanwhile: () => stage.post(...AGGREGATES)
  })
  await relay.service.exited()
}

t.test('Postgres was restored from a backup: publishing goes on from the number that Kafka knows', async (t) => {
  const stage = await Stage.set(t, { settings })
  const { service } = await stage.relay('relay')
  for (let batches = 0; batches < 5; batches++) {
    await stage.post(...AGGREGATES)
    await stage.published()
  }
  service.kill('SIGTERM')
  await service.exited()
  const { rows: [newest] } = await stage.pool.query<{ batch: number }>('SELECT batch::int FROM relay_shard')
  await stage.pool.query('UPDATE relay_shard SET batch = 1, epoch = 1')
  await stage.post(...AGGREGATES)
  await service.start()
  await stage.post(...AGGREGATES)
  await stage.published()
  t.same(await stage.verdict(), EXACTLY_ONCE)
  t.ok(service.logs.some(({ level, msg }) => level === 'warn' && msg === 'Kafka is ahead of Postgres (a restored backup?)'))
  const { rows: [now] } = await stage.pool.query<{ batch: number }>('SELECT batch::int FROM relay_shard')
  t.ok((now?.batch ?? 0) > (newest?.batch ?? Infinity), 'no number is used twice')
})

t.test('Kafka lost the position: the batch that was in flight is published again, and nothing is lost', async (t) => {
  const stage = await Stage.set(t, { settings })
  const relay = await stage.relay('relay')
  await killBeforeComplete(stage, relay)
  const admin = await createAdmin(stage.connection)
  await admin.deleteGroups([`${stage.relayName}-0`]).finally(() => admin.close())
  await relay.service.start()
  await stage.post(...AGGREGATES)
  await stage.published()
  const { lost, twice, outOfOrder } = await stage.verdict()
  t.same({ lost, outOfOrder }, { lost: [], outOfOrder: [] })
  t.ok(twice.length >= AGGREGATES.length, 'a duplicate is the price')
})

t.test('with the position, it is not published again', async (t) => {
  const stage = await Stage.set(t, { settings })
  const relay = await stage.relay('relay')
  await killBeforeComplete(stage, relay)
  await relay.service.start()
  await stage.post(...AGGREGATES)
  await until(() => relay.service.logs.some(({ msg }) => msg === 'the batch that was in flight is in Kafka'), { what: 'the batch found in Kafka' })
  await stage.published()
  t.same(await stage.verdict(), EXACTLY_ONCE)
})
