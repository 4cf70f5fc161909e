import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { testKafka, testPostgres } from '@orders/testing/framework'
import t from 'tap'

const DEMO = fileURLToPath(new URL('../main.ts', import.meta.url))
const run = promisify(execFile)

t.test('the demo kills the leading relay twice, and nothing is lost, duplicated or out of order', async (t) => {
  const { url } = await testPostgres(t)
  const { brokers } = await testKafka(t)
  const report = `${t.testdir({})}/report.json`
  await run(process.execPath, ['--conditions=@orders/source', DEMO, '--orders', '100', '--exit', '--kill-leader', '2', '--report', report], {
    env: { ...process.env, DATABASE_URL: url, KAFKA_BROKERS: brokers }
  })
  const found = JSON.parse(await readFile(report, 'utf8')) as { takeovers: Array<{ signal: string, gapMs: number }>, ordersAccepted: number }
  t.match(found, { lost: 0, outOfOrder: 0, duplicatesInTopic: 0 })
  t.ok(found.ordersAccepted >= 100)
  t.same(found.takeovers.map(({ signal }) => signal), ['KILL', 'KILL'])
  for (const { gapMs } of found.takeovers) t.ok(gapMs > 0, `${gapMs} ms`)
})
