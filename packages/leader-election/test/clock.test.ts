import { SystemClock } from '@orders/leader-election'
import t from 'tap'

function suspendable (): { clock: SystemClock, run: (ms: number) => void, suspend: (ms: number) => void, jitter: (ms: number) => void } {
  let monotonic = 1_000
  let sinceBoot = 500_000
  return {
    clock: new SystemClock(() => monotonic, () => sinceBoot),
    run (ms) {
      monotonic += ms
      sinceBoot += ms
    },
    suspend (ms) { sinceBoot += ms },
    jitter (ms) { sinceBoot += ms }
  }
}

t.test('time while the machine was suspended counts, although the monotonic clock stood still', async (t) => {
  const { clock, run, suspend } = suspendable()
  const start = clock.now()
  run(1_000)
  suspend(60_000)
  t.equal(clock.now() - start, 61_000)
  run(500)
  suspend(1_000)
  t.equal(clock.now() - start, 62_500)
})

t.test('the coarse time since boot neither sets the clock back nor moves it', async (t) => {
  const { clock, run, jitter } = suspendable()
  const start = clock.now()
  run(100)
  jitter(10)
  t.equal(clock.now() - start, 100)
  jitter(-20)
  t.equal(clock.now() - start, 100)
})

t.test('the system clock moves forward, and its timers never fire early', async (t) => {
  const clock = new SystemClock()
  const start = clock.now()
  await new Promise<void>((resolve) => { clock.setTimer(20.5, resolve) })
  t.ok(clock.now() - start >= 20, `found ${clock.now() - start} ms`)
  let fired = false
  clock.setTimer(1, () => { fired = true })()
  await new Promise<void>((resolve) => { clock.setTimer(10, resolve) })
  t.notOk(fired, 'cancelled')
})
