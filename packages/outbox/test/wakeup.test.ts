import { createWakeupSender, listenForWakeups, WAKEUP_CHANNEL } from '@orders/outbox'
import { until } from '@orders/testing/framework'
import t from 'tap'
import { outboxDatabase } from './outbox-database.ts'

t.test('a wake-up arrives, and many are merged into one', async (t) => {
  const { url } = await outboxDatabase(t)
  const heard: boolean[] = []
  const listener = listenForWakeups({ connection: { connectionString: url }, onWakeup: (sweep) => { heard.push(sweep) } })
  const sender = createWakeupSender({ connection: { connectionString: url }, minIntervalMs: 20 })
  t.teardown(async () => { await sender.close(); await listener.close() })
  await until(() => heard.length === 1, { what: 'the sweep that follows the connect' })
  t.same(heard, [true])
  for (let index = 0; index < 100; index++) sender.wake()
  await until(() => heard.length >= 3, { what: 'the first wake-up, and one for the other 99' })
  t.same(heard, [true, false, false])
})

t.test('the listener comes back after its session was ended, and asks for a sweep', async (t) => {
  const { pool, url } = await outboxDatabase(t)
  const heard: boolean[] = []
  const errors: Error[] = []
  const listener = listenForWakeups({
    connection: { connectionString: url, application_name: 'listener' },
    onWakeup: (sweep) => { heard.push(sweep) },
    onError: (error) => { errors.push(error) },
    reconnectDelayMs: 10
  })
  t.teardown(() => listener.close())
  await until(() => heard.length === 1, { what: 'the first connect' })
  await pool.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'listener' AND datname = current_database()")
  await until(() => heard.length === 2, { what: 'the reconnect' })
  t.equal(heard[1], true)
  t.ok(errors.length > 0)
  await pool.query(`NOTIFY ${WAKEUP_CHANNEL}`)
  await until(() => heard.length === 3, { what: 'a wake-up on the new session' })
})

t.test('a sender without a server neither throws nor delays its caller', async (t) => {
  const errors: Error[] = []
  const sender = createWakeupSender({
    connection: { host: '127.0.0.1', port: 1, connectionTimeoutMillis: 500 }, minIntervalMs: 1, onError: (error) => { errors.push(error) }
  })
  sender.wake()
  await until(() => errors.length > 0, { what: 'the error to be reported' })
  t.match(errors[0], { code: 'ECONNREFUSED' })
  sender.wake()
  await sender.close()
})
