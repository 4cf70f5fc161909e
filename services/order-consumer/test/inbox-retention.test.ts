import { until } from '@orders/testing/framework'
import t from 'tap'
import { setUp } from './order-consumer.ts'
import { eventIdOf, lives } from './order-events.ts'

t.test('events are forgotten when their retention is over, in as many steps as it takes, and the newer ones are not', async (t) => {
  const stage = await setUp(t)
  await stage.owner.query('INSERT INTO inbox SELECT gen_random_uuid(), clock_timestamp() - interval \'48 hours 1 minute\' FROM generate_series(1, 12000)')
  const { rows: kept } = await stage.owner.query<{ event_id: string }>(
    'INSERT INTO inbox SELECT gen_random_uuid(), clock_timestamp() - interval \'47 hours\' FROM generate_series(1, 5) RETURNING event_id')
  const events = lives(2, 1)
  await stage.publish(events)
  await stage.start({ CONSUMER_INBOX_RETENTION_HOURS: '48' })
  await stage.settled(events.length)
  await until(async () => {
    const { rows: [row] } = await stage.owner.query('SELECT count(*)::int AS old FROM inbox WHERE received_at < clock_timestamp() - interval \'48 hours\'')
    return row.old === 0
  }, { what: 'the old ones to be gone' })
  t.same(await stage.inbox(), [...kept.map((row) => row.event_id), ...events.map(eventIdOf)].sort())
})
