import { createAdmin } from '@orders/kafka'
import { testTopic } from '@orders/testing/framework'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'

const WATCH_MS = 500

t.test('an idle client sets no timers of 1 ms, and Node emits no warning', async (t) => {
  const warnings: string[] = []
  const onWarning = ({ name }: Error) => { warnings.push(name) }
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const { connection } = await testTopic(t)
  const admin = await createAdmin(connection)
  t.teardown(() => admin.close())
  await admin.listTopics()

  let short = 0
  const original = globalThis.setTimeout
  globalThis.setTimeout = ((work: () => void, ms?: number) => {
    if (ms === undefined || ms <= 1) short++
    return original(work, ms)
  }) as typeof setTimeout
  t.teardown(() => { globalThis.setTimeout = original })
  // An observation time, not a wait for a condition. Without the patch about 500 timers are set in it.
  await delay(WATCH_MS)
  t.ok(short < 20, `${short} timers of up to 1 ms in ${WATCH_MS} ms`)
  t.same(warnings.filter((name) => name === 'TimeoutNegativeWarning'), [])
})
