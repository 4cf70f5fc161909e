// Migrations under a running relay.
import { until } from '@orders/testing/framework'
import t from 'tap'
import { NO_ANOMALIES, RelayFixture } from './fixture/relay-fixture.ts'

/** Each changes the parameters or the results of statements that the relays have prepared. */
const MIGRATIONS = [
  'outbox_events ALTER COLUMN event_type TYPE varchar(300)', 'outbox_events ALTER COLUMN aggregate_version TYPE numeric', 'outbox_events ADD COLUMN note text',
  'relay_shard ALTER COLUMN epoch TYPE numeric', 'relay_layout ADD COLUMN note text', 'leader_lease ADD COLUMN note text'
]

t.test('migrations that change the types of columns: everything is published once, and no leader falls', async (t) => {
  const fixture = await RelayFixture.create(t)
  const relays = [await fixture.relay('one'), await fixture.relay('two')]
  await fixture.post('a', 'b')
  await fixture.published()
  const epoch = await fixture.epoch()
  for (const migration of MIGRATIONS) {
    await fixture.pool.query(`ALTER TABLE ${migration}`)
    await fixture.post('a', 'b', 'c')
    await fixture.published()
  }
  t.same(await fixture.anomalies(), NO_ANOMALIES)
  t.equal(Number(await fixture.epoch()), epoch)
  for (const { service } of relays) await until(async () => (await fetch(`${service.ops}/readyz`)).status === 200, { what: 'a relay ready' })
})
