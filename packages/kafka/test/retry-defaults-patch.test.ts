import { createRequire } from 'node:module'
import '@orders/kafka'
import { until } from '@orders/testing/framework'
import t from 'tap'

type Retry = (options?: object) => (call: () => Promise<unknown>) => Promise<unknown>

const createRetry = createRequire(new URL('../', import.meta.url))('kafkajs/src/retry') as Retry

t.test('what kafkajs repeats without a retry of its own, the fencing call, is repeated after milliseconds', async (t) => {
  let attempts = 0
  const repeated = createRetry()(async () => {
    attempts++
    throw new Error('CONCURRENT_TRANSACTIONS')
  })
  repeated.catch(() => {})
  // With kafkajs's own defaults the tenth attempt would come after two and a half minutes.
  await until(() => attempts >= 10, { what: 'ten attempts', deadlineMs: 10_000 })
  await t.rejects(repeated, 'and not for ever')
})
