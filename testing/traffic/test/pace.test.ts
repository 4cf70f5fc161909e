import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { atRate } from '../pace.ts'

t.test('as many as asked for, no more in flight than allowed, and it waits for the last one', async (t) => {
  let [inFlight, most] = [0, 0]
  const done: number[] = []
  await atRate({ perSecond: 1_000, total: 20, maxInFlight: 3 }, async (index) => {
    most = Math.max(most, ++inFlight)
    await delay(5)
    inFlight--
    done.push(index)
  })
  t.same(done.toSorted((a, b) => a - b), Array.from({ length: 20 }, (_, index) => index))
  t.ok(most <= 3, `${most} in flight`)
})

t.test('nothing is begun after the stop', async (t) => {
  const stop = new AbortController()
  let begun = 0
  await atRate({ perSecond: 1_000, stop: stop.signal }, async () => { if (++begun === 5) stop.abort() })
  // Those that were due in the same moment may still begin.
  t.ok(begun >= 5)
  const before = begun
  await atRate({ perSecond: 1_000, stop: stop.signal }, async () => { begun++ })
  t.equal(begun, before)
})

t.test('an error of the work is not lost', async (t) => {
  await t.rejects(atRate({ perSecond: 1_000, total: 1 }, async () => {
    await delay(50)
    throw new Error('broken')
  }), /broken/)
})
