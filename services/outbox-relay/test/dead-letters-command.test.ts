import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { testDatabase } from '@orders/testing/framework'
import pg from 'pg'
import t from 'tap'

const COMMAND = fileURLToPath(new URL('../src/bin/dead-letters.ts', import.meta.url))
const run = promisify(execFile)

t.test('the command lists and replays in the order of ids, and says when it lists only a part', async (t) => {
  const database = await testDatabase(t, { service: 'order-api' })
  const owner = new pg.Client({ connectionString: database.ownerUrl })
  await owner.connect()
  t.teardown(() => owner.end())
  const put = (from: number, to: number) => owner.query(`INSERT INTO outbox_dead_letters
      (id, event_id, aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers, created_at, reason, blocking)
    SELECT g, gen_random_uuid(), 'x', 'one', g, 'E', '{}', '{}', now(), 'r', false FROM generate_series($1::int, $2::int) AS g`, [from, to])
  const command = async (...args: string[]) => run(process.execPath, ['--conditions=@orders/source', COMMAND, ...args],
    { env: { ...process.env, DATABASE_URL: database.url('outbox_operator') } })
  const listed = (stdout: string) => stdout.trim().split('\n').map((line) => (JSON.parse(line) as { id: string }).id)

  await put(7, 11)
  const short = await command('list')
  t.same(listed(short.stdout), ['7', '8', '9', '10', '11'])
  t.equal(short.stderr, '')
  t.equal((await command('replay', '10', '9')).stdout, 'replayed 9\nreplayed 10\n')
  t.equal((await command('replay', '--all')).stdout, 'replayed 7\nreplayed 8\nreplayed 11\n')

  await put(1_001, 1_200)
  const cut = await command('list')
  t.equal(listed(cut.stdout).length, 100)
  t.match(cut.stderr, /the first 100 of 205 dead letters; "list --all"/)
  const whole = await command('list', '--all')
  t.equal(listed(whole.stdout).length, 205)
  t.equal(whole.stderr, '')
})
