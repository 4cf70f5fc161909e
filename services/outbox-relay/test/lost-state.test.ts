import { createAdmin } from '@orders/kafka'
import { until } from '@orders/testing/framework'
import t from 'tap'
import { backUp } from './stage/backup.ts'
import { interrupt } from './stage/interrupt.ts'
import { statement } from './stage/requests.ts'
import { EXACTLY_ONCE, Stage, type Relay } from './stage/stage.ts'

const AGGREGATES = ['a', 'b', 'c']
const settings = { RELAY_LEASE: 'none', RELAY_SWEEP_INTERVAL_MS: '500' }

/** Kills the relay with a batch in Kafka that Postgres does not know of. */
async function killBeforeComplete (stage: Stage, relay: Relay): Promise<void> {
  await interrupt({ when: 'before the complete', link: 'postgres', request: () => statement('outbox_complete'), at: 'request' }, {
    relay, kafka: relay.postgres, signal: 'SIGKILL', meanwhile: () => stage.post(...AGGREGATES)
  })
  await relay.service.exited()
}

t.test('Postgres was restored beside an idle relay: what its rows hold is published again, and nothing is deleted', async (t) => {
  for (const delivery of ['exactly-once', 'at-least-once']) {
    await t.test(delivery, async (t) => {
      const stage = await Stage.set(t, { settings: { ...settings, RELAY_DELIVERY: delivery, RELAY_BACKOFF_MAX_MS: '500' } })
      const { service } = await stage.relay('relay')
      await stage.post(...AGGREGATES)
      await stage.published()
      const backup = await backUp(stage)
      // One batch more, which the backup does not have. The ids of its events come again.
      await stage.post('lost with the database')
      await stage.published()
      await backup.restore()
      await stage.post(...AGGREGATES)
      await stage.post(...AGGREGATES)
      await stage.published()
      const { lost, outOfOrder } = await stage.verdict()
      t.same({ lost, outOfOrder }, { lost: [], outOfOrder: [] })
      if (delivery === 'at-least-once') return
      t.equal(service.logs.filter(({ event }) => event === 'position_foreign').length, 1, 'one restore is found once')
      t.equal((await stage.metrics(service)).sum('relay_position_foreign_total'), 1)
    })
  }
})

t.test('Postgres was restored to a claim that is in Kafka under another name: published again, not deleted', async (t) => {
  const stage = await Stage.set(t, { settings })
  const relay = await stage.relay('relay')
  await killBeforeComplete(stage, relay)
  const backup = await backUp(stage)
  await relay.service.start()
  await stage.post('lost with the database')
  await stage.published()
  relay.service.kill('SIGTERM')
  await relay.service.exited()
  await backup.restore()
  await relay.service.start()
  await stage.post(...AGGREGATES)
  await stage.published()
  const { lost, outOfOrder } = await stage.verdict()
  t.same({ lost, outOfOrder }, { lost: [], outOfOrder: [] })
  t.ok(relay.service.logs.some(({ event, level, relayName }) => event === 'position_foreign' && level === 'error' && relayName === stage.relayName))
  const epoch = await stage.epoch()
  await relay.service.restart()
  await until(async () => await stage.epoch() > epoch, { what: 'one take-over more' })
  await stage.post(...AGGREGATES)
  await stage.published()
  t.equal(relay.service.logs.filter(({ event }) => event === 'position_foreign').length, 1, 'found once')
})

t.test('a claim of a version that gave its batches no names is published again', async (t) => {
  const stage = await Stage.set(t, { settings })
  const relay = await stage.relay('relay')
  await killBeforeComplete(stage, relay)
  await stage.pool.query("UPDATE relay_shard SET token = '', token_before = '', claimed_events = '{}', layout = NULL; DELETE FROM relay_layout")
  await relay.service.start()
  await stage.post(...AGGREGATES)
  await stage.published()
  const { lost, outOfOrder } = await stage.verdict()
  t.same({ lost, outOfOrder }, { lost: [], outOfOrder: [] })
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
  await until(() => relay.service.logs.some(({ event }) => event === 'claim_published'), { what: 'the batch found in Kafka' })
  await stage.published()
  t.same(await stage.verdict(), EXACTLY_ONCE)
})
