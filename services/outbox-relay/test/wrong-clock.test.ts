import { until } from '@orders/testing/framework'
import t from 'tap'
import { EXACTLY_ONCE, Stage } from './stage/stage.ts'

const CLOCK_AHEAD = `--import ${new URL('./stage/clock-ahead.ts', import.meta.url).href}`

t.test('a relay whose clock is wrong says so and gives its shard up; no event is put aside for it', async (t) => {
  const stage = await Stage.set(t, { settings: { RELAY_PROGRESS_DEADLINE_MS: '1000' } })
  await stage.post('a', 'b', 'c')
  const { service } = await stage.relay('ahead', { NODE_OPTIONS: CLOCK_AHEAD })
  const line = await until(() => service.logs.find(({ event }) => event === 'publishing_ended'), { what: 'it gave up' })
  t.match(JSON.stringify(line), /RELAY_PROGRESS_DEADLINE_MS.*this machine's clock: \d{4}-\d\d-\d\dT.*look at the clock of this machine/)
  const { rowCount } = await stage.pool.query('SELECT FROM outbox_dead_letters')
  t.equal(rowCount, 0)
  t.equal(await stage.waiting(), 3)

  await stage.relay('right')
  await stage.published()
  t.equal(await stage.leader(), 'right')
  t.same(await stage.verdict(), EXACTLY_ONCE)
})
