import { until } from '@orders/testing/framework'
import t from 'tap'
import { readMetrics } from '@orders/testing/framework/metrics'
import { NOTHING_LOST, startSystem } from './system.ts'

const KILLS = 3
const DUPLICATES = { 'exactly-once': 0, 'at-least-once': undefined }

for (const [delivery, duplicatesInTopic] of Object.entries(DUPLICATES)) {
  t.test(`${delivery}: a relay that is killed several times while it publishes loses nothing and keeps the order`, async (t) => {
    // Small batches: most kills then hit one, and not the time between two.
    const { relay, load, post, reconcile } = await startSystem(t, { relay: { RELAY_DELIVERY: delivery, RELAY_BATCH_EVENTS: '5' } })
    const enough = new AbortController()
    const posting = post({ rate: 20, orders: Infinity, stopPosting: enough.signal })
    for (let kills = 0; kills < KILLS; kills++) {
      await until(async () => ((await readMetrics(relay)).get('relay_published_total') ?? 0) > 0, { what: 'the relay to publish' })
      await relay.restart('SIGKILL')
    }
    enough.abort()
    await posting
    t.same([...load.refused], [], 'the API noticed nothing')
    t.match(await reconcile(), { ...NOTHING_LOST, ordersAccepted: load.accepted.size, ...(duplicatesInTopic === undefined ? {} : { duplicatesInTopic }) })
  })
}
