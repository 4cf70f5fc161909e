import { createAdmin } from '@orders/kafka'
import { until } from '@orders/testing/framework'
import t from 'tap'
import { backUp } from './fixture/backup.ts'
import { interrupt } from '@orders/testing/faults/interrupt'
import { statement } from '@orders/testing/faults/requests'
import { NO_ANOMALIES, RelayFixture, type Relay } from './fixture/relay-fixture.ts'

const AGGREGATES = ['a', 'b', 'c']
const settings = { RELAY_LEASE: 'none', RELAY_SWEEP_INTERVAL_MS: '500' }

/** Kills the relay with a batch in Kafka that is not completed in Postgres. */
async function killBeforeComplete (fixture: RelayFixture, relay: Relay): Promise<void> {
  await interrupt({ when: 'before the complete', link: 'postgres', request: () => statement('outbox_complete'), at: 'request' }, {
    relay, kafka: relay.postgres, signal: 'SIGKILL', meanwhile: () => fixture.post(...AGGREGATES)
  })
  await relay.service.exited()
}

t.test('Postgres was restored while a relay was idle: the restored events are published again, and none is deleted', async (t) => {
  for (const delivery of ['exactly-once', 'at-least-once']) {
    await t.test(delivery, async (t) => {
      const fixture = await RelayFixture.create(t, { settings: { ...settings, RELAY_DELIVERY: delivery, RELAY_BACKOFF_MAX_MS: '500' } })
      const { service } = await fixture.relay('relay')
      await fixture.post(...AGGREGATES)
      await fixture.published()
      const backup = await backUp(fixture)
      // One more batch, which the backup does not have. The ids of its events are given out again.
      await fixture.post('lost with the database')
      await fixture.published()
      await backup.restore()
      await fixture.post(...AGGREGATES)
      await fixture.post(...AGGREGATES)
      await fixture.published()
      const { lost, outOfOrder } = await fixture.anomalies()
      t.same({ lost, outOfOrder }, { lost: [], outOfOrder: [] })
      if (delivery === 'at-least-once') return
      t.equal(service.logs.filter(({ event }) => event === 'position_foreign').length, 1, 'one restore is found once')
      t.equal((await fixture.metrics(service)).sum('relay_position_foreign_total'), 1)
    })
  }
})

t.test('Postgres was restored to a claim whose token Kafka does not have: published again, not deleted', async (t) => {
  const fixture = await RelayFixture.create(t, { settings })
  const relay = await fixture.relay('relay')
  await killBeforeComplete(fixture, relay)
  const backup = await backUp(fixture)
  await relay.service.start()
  await fixture.post('lost with the database')
  await fixture.published()
  relay.service.kill('SIGTERM')
  await relay.service.exited()
  await backup.restore()
  await relay.service.start()
  await fixture.post(...AGGREGATES)
  await fixture.published()
  const { lost, outOfOrder } = await fixture.anomalies()
  t.same({ lost, outOfOrder }, { lost: [], outOfOrder: [] })
  t.ok(relay.service.logs.some(({ event, level, relayName }) => event === 'position_foreign' && level === 'error' && relayName === fixture.relayName))
  const epoch = await fixture.epoch()
  await relay.service.restart()
  await until(async () => await fixture.epoch() > epoch, { what: 'one more takeover' })
  await fixture.post(...AGGREGATES)
  await fixture.published()
  t.equal(relay.service.logs.filter(({ event }) => event === 'position_foreign').length, 1, 'found once')
})

t.test('a claim of an older version, without a token, is published again', async (t) => {
  const fixture = await RelayFixture.create(t, { settings })
  const relay = await fixture.relay('relay')
  await killBeforeComplete(fixture, relay)
  await fixture.pool.query("UPDATE relay_shard SET token = '', token_before = '', claimed_events = '{}', layout = NULL; DELETE FROM relay_layout")
  await relay.service.start()
  await fixture.post(...AGGREGATES)
  await fixture.published()
  const { lost, outOfOrder } = await fixture.anomalies()
  t.same({ lost, outOfOrder }, { lost: [], outOfOrder: [] })
})

t.test('Kafka lost the position: the batch in flight is published again, and nothing is lost', async (t) => {
  const fixture = await RelayFixture.create(t, { settings })
  const relay = await fixture.relay('relay')
  await killBeforeComplete(fixture, relay)
  const admin = await createAdmin(fixture.connection)
  await admin.deleteGroups([`${fixture.relayName}-0`]).finally(() => admin.close())
  await relay.service.start()
  await fixture.post(...AGGREGATES)
  await fixture.published()
  const { lost, twice, outOfOrder } = await fixture.anomalies()
  t.same({ lost, outOfOrder }, { lost: [], outOfOrder: [] })
  t.ok(twice.length >= AGGREGATES.length, 'the batch is published twice')
})

t.test('Kafka has the position: the batch in flight is not published again', async (t) => {
  const fixture = await RelayFixture.create(t, { settings })
  const relay = await fixture.relay('relay')
  await killBeforeComplete(fixture, relay)
  await relay.service.start()
  await fixture.post(...AGGREGATES)
  await until(() => relay.service.logs.some(({ event }) => event === 'claim_published'), { what: 'the batch found in Kafka' })
  await fixture.published()
  t.same(await fixture.anomalies(), NO_ANOMALIES)
})
