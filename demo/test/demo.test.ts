import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ORDER_EVENTS_TOPIC } from '@orders/contracts'
import { createAdmin } from '@orders/kafka'
import { testConnection, testDatabase, testKafka, testPostgres } from '@orders/testing/framework'
import pg from 'pg'
import t from 'tap'

const DEMO = fileURLToPath(new URL('../main.ts', import.meta.url))
const execute = promisify(execFile)

async function query (url: string, sql: string): Promise<Array<Record<string, unknown>>> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client.query<Record<string, unknown>>(sql).then(({ rows }) => rows).finally(() => client.end())
}

t.test('200 orders arrive, the demo verifies it, and existing servers are left as they were', async (t) => {
  const { url } = await testPostgres(t)
  const { brokers } = await testKafka(t)
  // Another system uses these servers already, with the same roles and the same topic.
  const theirs = await testDatabase(t, { service: 'order-api', server: { url } })
  const admin = await createAdmin(testConnection(brokers))
  const topicsBefore = await admin.listTopics()
  await admin.ensureTopics([{ topic: ORDER_EVENTS_TOPIC, partitions: 1 }])
  t.teardown(async () => {
    if (!topicsBefore.includes(ORDER_EVENTS_TOPIC)) await admin.deleteTopics([ORDER_EVENTS_TOPIC])
    await admin.close()
  })
  const records = await admin.readTopic(ORDER_EVENTS_TOPIC)

  const report = `${t.testdir({})}/report.json`
  const { stdout } = await execute(process.execPath, ['--conditions=@orders/source', DEMO, '--orders', '200', '--exit', '--report', report], {
    env: { ...process.env, DATABASE_URL: url, KAFKA_BROKERS: brokers }
  })
  const found = JSON.parse(await readFile(report, 'utf8')) as Record<string, number>
  t.same(Object.keys(found), ['ordersAccepted', 'eventsExpected', 'eventsInTopic', 'duplicatesInTopic', 'lost', 'outOfOrder', 'effects', 'durationMs'])
  t.match(found, { ordersAccepted: 200, lost: 0, outOfOrder: 0 })
  t.ok((found.eventsExpected ?? 0) > 400, 'orders have histories')
  t.equal(found.eventsInTopic, found.eventsExpected)
  t.equal(found.effects, found.eventsExpected)
  t.match(stdout, /^time \d+ s · accepted \d+ orders/m, 'without a terminal a line a second')
  t.match(stdout, /API +http:[^]*docs +http:[^]*read model +http:[^]*Postgres +postgres:[^]*Kafka +/)

  // Only of this run: another demo may be running here.
  const [, run = ''] = /orders_demo_([0-9a-f]+)/.exec(stdout) ?? []
  t.not(run, '')
  const names = (await query(url, 'SELECT datname AS name FROM pg_database UNION SELECT rolname FROM pg_roles')).map(({ name }) => String(name))
  t.same([...names, ...await admin.listTopics()].filter((name) => name.includes(run)), [])
  t.same(await admin.readTopic(ORDER_EVENTS_TOPIC), records, 'a topic that was there before gets nothing')
  t.same(await query(theirs.url('order_api'), 'SELECT current_user AS me'), [{ me: 'order_api' }], 'and the roles keep their passwords')
  t.notOk(stdout.includes(new URL(url).password), 'nor is the password of the server shown')
})
