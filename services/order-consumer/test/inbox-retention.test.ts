import { until } from '@orders/testing/framework'
import t from 'tap'
import { setUp } from './order-consumer.ts'
import { eventIdOf, lives } from './order-events.ts'

t.test('inbox rows are deleted after their retention, in several steps, and newer ones are kept', async (t) => {
  const fixture = await setUp(t)
  await fixture.owner.query('INSERT INTO inbox SELECT gen_random_uuid(), clock_timestamp() - interval \'48 hours 1 minute\' FROM generate_series(1, 12000)')
  const { rows: kept } = await fixture.owner.query<{ event_id: string }>(
    'INSERT INTO inbox SELECT gen_random_uuid(), clock_timestamp() - interval \'47 hours\' FROM generate_series(1, 5) RETURNING event_id')
  const events = lives(2, 1)
  await fixture.publish(events)
  await fixture.start({ CONSUMER_INBOX_RETENTION_HOURS: '48' })
  await fixture.settled(events.length)
  await until(async () => {
    const { rows: [row] } = await fixture.owner.query('SELECT count(*)::int AS old FROM inbox WHERE received_at < clock_timestamp() - interval \'48 hours\'')
    return row.old === 0
  }, { what: 'the old ones to be gone' })
  t.same(await fixture.inbox(), [...kept.map((row) => row.event_id), ...events.map(eventIdOf)].sort())
})
