import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { testKafka, testPostgres, until } from '@orders/testing/framework'
import pg from 'pg'
import t from 'tap'

const DEMO = fileURLToPath(new URL('../main.ts', import.meta.url))

t.test('an order placed by hand is counted apart; Ctrl-C stops posting, finishes and verifies, and leaves an existing server as it was', async (t) => {
  const { url } = await testPostgres(t)
  const { brokers } = await testKafka(t)
  const demo = spawn(process.execPath, ['--conditions=@orders/source', DEMO, '--rate', '20'], {
    env: { ...process.env, DATABASE_URL: url, KAFKA_BROKERS: brokers }, stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(() => demo.kill('SIGKILL'))
  const exited = once(demo, 'close')
  let output = ''
  demo.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
  await until(() => / accepted [1-9]/.test(output), { what: 'orders to be accepted', deadlineMs: 90_000 })
  const [, orders = ''] = /API +(http:\S+)/.exec(output) ?? []
  const placed = await fetch(orders, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"customerId":"me"}' })
  t.equal(placed.status, 201)
  await placed.body?.cancel()
  demo.kill('SIGINT')
  t.same(await exited, [0, null])
  t.match(output, /every accepted event took effect exactly once, in order\n\nstopping everything\n$/)

  t.match(output, /not of this demo's load: 1 order placed by others\n/)
  t.match(output, / by others 1 orders, 1 events\n/, 'the last line of the view has it too')

  const [, run = ''] = /orders_demo_([0-9a-f]+)/.exec(output) ?? []
  t.not(run, '')
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  t.teardown(() => client.end())
  const { rows } = await client.query('SELECT datname FROM pg_database WHERE datname LIKE $1', [`%_demo_${run}`])
  t.same(rows, [])
})
