import { until } from '@orders/testing/framework'
import t from 'tap'
import { NO_ANOMALIES, RelayFixture } from './fixture/relay-fixture.ts'

const CLOCK_AHEAD = `--import ${new URL('./fixture/clock-ahead.ts', import.meta.url).href}`

t.test('a relay with a wrong clock reports it and gives its shard up; no event becomes a dead letter', async (t) => {
  const fixture = await RelayFixture.create(t, { settings: { RELAY_PROGRESS_DEADLINE_MS: '1000' } })
  await fixture.post('a', 'b', 'c')
  const { service } = await fixture.relay('ahead', { NODE_OPTIONS: CLOCK_AHEAD })
  const line = await until(() => service.logs.find(({ event }) => event === 'publishing_ended'), { what: 'it gave up' })
  t.match(JSON.stringify(line), /RELAY_PROGRESS_DEADLINE_MS.*this machine's clock: \d{4}-\d\d-\d\dT.*look at the clock of this machine/)
  const { rowCount } = await fixture.pool.query('SELECT FROM outbox_dead_letters')
  t.equal(rowCount, 0)
  t.equal(await fixture.waiting(), 3)

  await fixture.relay('right')
  await fixture.published()
  t.equal(await fixture.leader(), 'right')
  t.same(await fixture.anomalies(), NO_ANOMALIES)
})
