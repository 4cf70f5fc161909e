import { DEFAULT_TIMINGS, ElectorConfigError, LeaderElector, type Timings } from '@orders/leader-election'
import t from 'tap'
import { MemoryLease, MemoryLeaseStore } from './fakes/memory-lease.ts'

const store = new MemoryLeaseStore(new MemoryLease())

const refused: Array<{ name: string, timings: Partial<Timings>, messages: RegExp[] }> = [
  {
    name: 'no time to stop',
    timings: { leaseDurationMs: 10_000 },
    messages: [/leaseDurationMs \(10000\) must be greater than renewDeadlineMs \(10000\)/]
  },
  {
    name: 'one attempt only',
    timings: { renewDeadlineMs: 2_400 },
    messages: [/renewDeadlineMs \(2400\) must be greater than 1\.2 × retryPeriodMs \(2000\)/]
  },
  {
    name: 'a hanging request costs the term',
    timings: { requestTimeoutMs: 10_000 },
    messages: [/renewDeadlineMs \(10000\) must be greater than requestTimeoutMs \(10000\)/]
  },
  {
    name: 'a duration that the record cannot hold',
    timings: { leaseDurationMs: 15_500 },
    messages: [/leaseDurationMs must be whole seconds.*found 15500/]
  },
  { name: 'years', timings: { leaseDurationMs: 3_601_000 }, messages: [/at most 3600 of them, found 3601000/] },
  {
    name: 'no durations at all',
    timings: { leaseDurationMs: NaN, retryPeriodMs: 0, renewDeadlineMs: -1 },
    messages: [/leaseDurationMs must be a positive number of milliseconds, found NaN/, /retryPeriodMs .* found 0/, /renewDeadlineMs .* found -1/]
  },
  {
    name: 'all problems are reported at once',
    timings: { leaseDurationMs: 1_000, renewDeadlineMs: 2_000, retryPeriodMs: 3_000 },
    messages: [/leaseDurationMs \(1000\) must be greater than renewDeadlineMs \(2000\)/, /renewDeadlineMs \(2000\) must be greater than 1\.2 × retryPeriodMs \(3000\)/]
  }
]

for (const { name, timings, messages } of refused) {
  t.test(`refused: ${name}`, async (t) => {
    try {
      const elector = new LeaderElector({ store, identity: 'a', ...timings })
      t.fail(`expected a refusal, found ${elector.identity}`)
    } catch (error) {
      if (!(error instanceof ElectorConfigError)) throw error
      t.equal(error.problems.length, messages.length)
      for (const message of messages) t.match(error.message, message)
    }
  })
}

t.test('accepted: the defaults, and the shortest lease that a record can hold', async (t) => {
  t.same(DEFAULT_TIMINGS, { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000 })
  t.doesNotThrow(() => new LeaderElector({ store, identity: 'a' }))
  t.doesNotThrow(() => new LeaderElector({ store, identity: 'a', leaseDurationMs: 1_000, renewDeadlineMs: 700, retryPeriodMs: 200 }))
})

t.test('the identity has a random part, because a restarted container has its pod\'s name again', async (t) => {
  const [first, second] = [new LeaderElector({ store, identity: 'relay-0' }), new LeaderElector({ store, identity: 'relay-0' })]
  t.match(first.identity, /^relay-0_[0-9a-f-]{36}$/)
  t.not(first.identity, second.identity)
  t.throws(() => new LeaderElector({ store, identity: '' }), { message: /identity must have 1 to 253 characters, found 0/ })
  t.throws(() => new LeaderElector({ store, identity: 'x'.repeat(254) }), ElectorConfigError)
})
