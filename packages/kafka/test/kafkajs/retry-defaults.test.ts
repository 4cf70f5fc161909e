import '@orders/kafka'
import { until } from '@orders/testing/framework'
import t from 'tap'
import { kafkajsModule } from '../../src/kafkajs/module.ts'

type Retry = (options?: object) => (call: () => Promise<unknown>) => Promise<unknown>

const createRetry = kafkajsModule<Retry>('retry', 'patches/retry-defaults.ts')

t.test('the fencing request, which kafkajs retries with its defaults, is retried within milliseconds', async (t) => {
  let attempts = 0
  const repeated = createRetry()(async () => {
    attempts++
    throw new Error('CONCURRENT_TRANSACTIONS')
  })
  repeated.catch(() => {})
  // With kafkajs's own defaults the tenth attempt would come after two and a half minutes.
  await until(() => attempts >= 10, { what: 'ten attempts', deadlineMs: 10_000 })
  await t.rejects(repeated, 'and not forever')
})
