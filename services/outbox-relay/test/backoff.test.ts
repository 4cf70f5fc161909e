import t from 'tap'
import { Backoff } from '../src/publishing/backoff.ts'

t.test('the wait doubles up to its limit, and starts again after a success', async (t) => {
  const backoff = new Backoff({ minMs: 50, maxMs: 1_000, random: () => 1 })
  t.same(Array.from({ length: 7 }, () => backoff.nextDelayMs()), [50, 100, 200, 400, 800, 1_000, 1_000])
  backoff.reset()
  t.equal(backoff.nextDelayMs(), 50)
})

t.test('the wait is spread between the minimum and that value', async (t) => {
  const spread = [0, 0.5].map((share) => {
    const backoff = new Backoff({ minMs: 50, maxMs: 1_000, random: () => share })
    return Array.from({ length: 5 }, () => backoff.nextDelayMs())
  })
  t.same(spread, [[50, 50, 50, 50, 50], [50, 75, 125, 225, 425]])
})

t.test('a very long outage does not make it infinite', async (t) => {
  const backoff = new Backoff({ minMs: 50, maxMs: 5_000, random: () => 1 })
  for (let failures = 0; failures < 5_000; failures++) backoff.nextDelayMs()
  t.equal(backoff.nextDelayMs(), 5_000)
})
