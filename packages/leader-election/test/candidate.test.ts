// One row, one situation: what the candidate has seen, what the store says, and what must come of it. After client-go's
// table tests of tryAcquireOrRenew.
import { LeaseStoreError, type ElectorEvent, type LeaderElectionRecord } from '@orders/leader-election'
import t from 'tap'
import { Candidate, type Held } from '../src/candidate.ts'
import { FakeClock } from './fakes/fake-clock.ts'
import { MemoryLease, MemoryLeaseStore } from './fakes/memory-lease.ts'
import { Scheduler } from './fakes/scheduler.ts'

const LEASE_DURATION_MS = 15_000
const REQUEST_TIMEOUT_MS = 3_000
const HELD = { holderIdentity: 'other', leaseDurationSeconds: 15, acquireTime: '2026-01-01T00:00:00.000000Z', renewTime: '2026-01-01T00:00:00.000000Z', leaseTransitions: 4 }
const RELEASED = { ...HELD, holderIdentity: '', leaseDurationSeconds: 1 }
const OURS = { ...HELD, holderIdentity: 'me' }

class Situation {
  readonly scheduler = new Scheduler()
  readonly clock: FakeClock
  readonly lease: MemoryLease
  readonly store: MemoryLeaseStore
  readonly events: ElectorEvent[] = []
  readonly candidate: Candidate

  constructor (record?: Partial<LeaderElectionRecord>, dateOffsetMs = 0) {
    this.clock = new FakeClock(this.scheduler, { startsAt: 1_000_000, dateOffsetMs })
    this.lease = new MemoryLease(record)
    this.store = new MemoryLeaseStore(this.lease)
    this.candidate = new Candidate({
      identity: 'me',
      store: this.store,
      clock: this.clock,
      leaseDurationMs: LEASE_DURATION_MS,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      onEvent: (event) => { this.events.push(event) }
    })
  }

  /** The outcome in a word: why it is held, "standby", or the reason of the failure. */
  async outcome (attempt: () => Promise<Held | undefined | boolean>): Promise<string> {
    const outcome = attempt().then(
      (held) => typeof held === 'object' ? held.because : held === true ? 'released' : 'standby',
      (error: unknown) => error instanceof LeaseStoreError ? error.reason : String(error)
    )
    await this.scheduler.advance(2 * REQUEST_TIMEOUT_MS)
    return outcome
  }

  tryAcquire (): Promise<string> {
    return this.outcome(() => this.candidate.tryAcquire())
  }

  tryRenew (): Promise<string> {
    return this.outcome(() => this.candidate.tryRenew())
  }

  tryRelease (): Promise<string> {
    return this.outcome(() => this.candidate.tryRelease())
  }

  /** Until `ms` after this row's first look. */
  async at (ms: number): Promise<void> {
    await this.scheduler.advance(ms - this.scheduler.now)
  }
}

interface Row {
  name: string
  record?: Partial<LeaderElectionRecord> | undefined
  dateOffsetMs?: number
  act: (situation: Situation) => Promise<string>
  expected: string
  holder?: string | undefined
  transitions?: number | undefined
  requests: string[]
}

const refuse = (reason: LeaseStoreError['reason']) => new LeaseStoreError(reason, `the store says ${reason}`)

const acquiring: Row[] = [
  { name: 'no record', act: (s) => s.tryAcquire(), expected: 'created', holder: 'me', transitions: 0, requests: ['get', 'create'] },
  { name: 'a record without a holder so far', record: {}, act: (s) => s.tryAcquire(), expected: 'free', holder: 'me', transitions: 1, requests: ['get', 'update'] },
  { name: 'released', record: RELEASED, act: (s) => s.tryAcquire(), expected: 'free', holder: 'me', transitions: 5, requests: ['get', 'update'] },
  { name: 'held, at the first read', record: HELD, act: (s) => s.tryAcquire(), expected: 'standby', holder: 'other', transitions: 4, requests: ['get'] },
  {
    name: 'held, last renewed an hour ago by the holder\'s clock, at the first read',
    record: HELD,
    dateOffsetMs: 3_600_000,
    act: (s) => s.tryAcquire(),
    expected: 'standby',
    holder: 'other',
    requests: ['get']
  },
  {
    name: 'held, and unchanged for a moment less than the lease duration',
    record: HELD,
    async act (s) {
      await s.tryAcquire()
      await s.at(14_999)
      return s.tryAcquire()
    },
    expected: 'standby',
    holder: 'other',
    requests: ['get', 'get']
  },
  {
    name: 'held, and unchanged for the lease duration',
    record: HELD,
    async act (s) {
      await s.tryAcquire()
      await s.at(15_000)
      return s.tryAcquire()
    },
    expected: 'expired',
    holder: 'me',
    transitions: 5,
    requests: ['get', 'get', 'update']
  },
  {
    name: 'held, unchanged for the lease duration, renewed tomorrow by the holder\'s clock',
    record: { ...HELD, renewTime: '2026-01-02T00:00:00.000000Z' },
    async act (s) {
      await s.tryAcquire()
      await s.at(15_000)
      return s.tryAcquire()
    },
    expected: 'expired',
    holder: 'me',
    requests: ['get', 'get', 'update']
  },
  {
    name: 'held, and renewed meanwhile',
    record: HELD,
    async act (s) {
      await s.tryAcquire()
      await s.at(14_000)
      s.lease.edit({ renewTime: 'later' })
      await s.tryAcquire()
      await s.at(28_999)
      return s.tryAcquire()
    },
    expected: 'standby',
    holder: 'other',
    requests: ['get', 'get', 'get']
  },
  {
    name: 'the holder\'s duration is longer than ours: the holder\'s counts',
    record: { ...HELD, leaseDurationSeconds: 60 },
    async act (s) {
      await s.tryAcquire()
      await s.at(59_999)
      return s.tryAcquire()
    },
    expected: 'standby',
    requests: ['get', 'get']
  },
  {
    name: 'the holder\'s duration is shorter than ours',
    record: { ...HELD, leaseDurationSeconds: 5 },
    async act (s) {
      await s.tryAcquire()
      await s.at(5_000)
      return s.tryAcquire()
    },
    expected: 'expired',
    requests: ['get', 'get', 'update']
  },
  {
    name: 'repeated edits of the labels do not count as renewals',
    record: HELD,
    async act (s) {
      await s.tryAcquire()
      await s.at(14_000)
      s.lease.edit({})
      await s.tryAcquire()
      s.lease.edit({})
      return s.tryAcquire()
    },
    expected: 'expired',
    holder: 'me',
    requests: ['get', 'get', 'get', 'update']
  },
  { name: 'the record names us', record: OURS, act: (s) => s.tryAcquire(), expected: 'own', holder: 'me', transitions: 4, requests: ['get', 'update'] },
  {
    name: 'another candidate is faster',
    record: RELEASED,
    async act (s) {
      s.store.onRequest = (operation) => { if (operation === 'update') s.lease.edit({ ...HELD, holderIdentity: 'faster' }) }
      const first = await s.tryAcquire()
      return `${first}, ${await s.tryAcquire()}`
    },
    expected: 'conflict, standby',
    holder: 'faster',
    requests: ['get', 'update', 'get']
  },
  {
    name: 'another candidate creates it first',
    async act (s) {
      s.store.onRequest = (operation) => { if (operation === 'create') s.lease.edit(HELD) }
      return s.tryAcquire()
    },
    expected: 'conflict',
    holder: 'other',
    requests: ['get', 'create']
  },
  {
    name: 'the reply to the write is lost: a read shows that it happened, and the holder did not change twice',
    record: RELEASED,
    async act (s) {
      s.store.script.push('answer', 'lose-reply')
      const first = await s.tryAcquire()
      return `${first}, ${await s.tryAcquire()}`
    },
    expected: 'unavailable, own',
    holder: 'me',
    transitions: 5,
    requests: ['get', 'update', 'get', 'update']
  },
  {
    name: 'the write is lost: a read shows that it did not happen',
    record: RELEASED,
    async act (s) {
      s.store.script.push('answer', 'hang')
      const first = await s.tryAcquire()
      return `${first}, ${await s.tryAcquire()}`
    },
    expected: 'unavailable, free',
    holder: 'me',
    transitions: 5,
    requests: ['get', 'update', 'get', 'update']
  },
  {
    name: 'the store hangs',
    record: RELEASED,
    async act (s) {
      s.store.script.push('hang')
      return s.tryAcquire()
    },
    expected: 'unavailable',
    holder: '',
    requests: ['get']
  },
  {
    name: 'no record, and no right to create one',
    async act (s) {
      s.store.script.push('answer', refuse('forbidden'))
      return s.tryAcquire()
    },
    expected: 'forbidden',
    requests: ['get', 'create']
  },
  {
    name: 'the record was deleted: its current holder still leads, and has time to create it again',
    record: HELD,
    async act (s) {
      await s.tryAcquire()
      s.lease.delete()
      await s.at(10_000)
      const found = await s.tryAcquire()
      await s.at(24_999)
      const early = await s.tryAcquire()
      await s.at(25_000)
      return `${found}, ${early}, ${await s.tryAcquire()}`
    },
    expected: 'standby, standby, created',
    holder: 'me',
    transitions: 5,
    requests: ['get', 'get', 'get', 'get', 'create']
  },
  {
    name: 'a released record was deleted: another candidate may have taken it in between',
    record: RELEASED,
    async act (s) {
      s.store.script.push('answer', 'hang')
      await s.tryAcquire()
      s.lease.delete()
      const found = await s.tryAcquire()
      await s.at(s.scheduler.now + 15_000)
      return `${found}, ${await s.tryAcquire()}`
    },
    expected: 'standby, created',
    requests: ['get', 'update', 'get', 'get', 'create']
  },
  {
    name: 'a holder that is proven dead',
    record: HELD,
    async act (s) {
      await s.tryAcquire()
      s.candidate.challenge('other')
      return s.tryAcquire()
    },
    expected: 'challenged',
    holder: 'me',
    transitions: 5,
    requests: ['get', 'get', 'update']
  },
  {
    name: 'a challenge of a former holder has no effect, now or later',
    record: HELD,
    async act (s) {
      s.candidate.challenge('former')
      const first = await s.tryAcquire()
      s.lease.edit({ holderIdentity: 'former' })
      return `${first}, ${await s.tryAcquire()}`
    },
    expected: 'standby, standby',
    holder: 'former',
    requests: ['get', 'get']
  },
  {
    name: 'a holder that is proven dead, and whose record was deleted as well',
    record: HELD,
    async act (s) {
      await s.tryAcquire()
      s.lease.delete()
      s.candidate.challenge('other')
      return s.tryAcquire()
    },
    expected: 'challenged',
    holder: 'me',
    transitions: 5,
    requests: ['get', 'get', 'create']
  },
  {
    name: 'malformed: no duration, no count',
    record: { holderIdentity: 'somebody', leaseDurationSeconds: -3, leaseTransitions: 1e12 },
    async act (s) {
      await s.tryAcquire()
      await s.at(14_999)
      const early = await s.tryAcquire()
      await s.at(15_000)
      const late = await s.tryAcquire()
      return `${early}, ${late}, ${s.events.filter(({ type }) => type === 'malformed-record').length} report`
    },
    expected: 'standby, expired, 1 report',
    holder: 'me',
    transitions: 1,
    requests: ['get', 'get', 'get', 'update']
  },
  {
    name: 'malformed: a lease of sixty-eight years',
    record: { ...HELD, leaseDurationSeconds: 2_147_483_647 },
    async act (s) {
      await s.tryAcquire()
      await s.at(15_000)
      return s.tryAcquire()
    },
    expected: 'expired',
    holder: 'me',
    requests: ['get', 'get', 'update']
  }
]

const lead = async (s: Situation): Promise<void> => {
  await s.tryAcquire()
  s.store.requests.length = 0
}

const renewing: Row[] = [
  {
    name: 'no other write: one request, and the same count',
    record: RELEASED,
    async act (s) {
      await lead(s)
      return s.tryRenew()
    },
    expected: 'own',
    holder: 'me',
    transitions: 5,
    requests: ['update']
  },
  {
    name: 'the labels were edited: read, and renew',
    record: RELEASED,
    async act (s) {
      await lead(s)
      s.lease.edit({})
      return s.tryRenew()
    },
    expected: 'own',
    holder: 'me',
    transitions: 5,
    requests: ['update', 'get', 'update']
  },
  {
    name: 'another candidate took it',
    record: RELEASED,
    async act (s) {
      await lead(s)
      s.lease.edit({ holderIdentity: 'other', leaseTransitions: 6 })
      return s.tryRenew()
    },
    expected: 'standby',
    holder: 'other',
    transitions: 6,
    requests: ['update', 'get']
  },
  {
    name: 'the record was emptied: another candidate may have led meanwhile',
    record: RELEASED,
    async act (s) {
      await lead(s)
      s.lease.edit({ holderIdentity: '' })
      return s.tryRenew()
    },
    expected: 'standby',
    holder: '',
    requests: ['update', 'get']
  },
  {
    name: 'the record was deleted: created again, with its count',
    record: RELEASED,
    async act (s) {
      await lead(s)
      s.lease.delete()
      return s.tryRenew()
    },
    expected: 'own',
    holder: 'me',
    transitions: 5,
    requests: ['update', 'get', 'create']
  },
  {
    name: 'the lease was shortened by hand: our duration again',
    record: RELEASED,
    async act (s) {
      await lead(s)
      s.lease.edit({ leaseDurationSeconds: 1 })
      const outcome = await s.tryRenew()
      return `${outcome}, ${s.lease.record?.leaseDurationSeconds} s`
    },
    expected: 'own, 15 s',
    requests: ['update', 'get', 'update']
  },
  {
    name: 'the reply is lost: the version is unknown, so read before the next write',
    record: RELEASED,
    async act (s) {
      await lead(s)
      s.store.script.push('lose-reply')
      const first = await s.tryRenew()
      return `${first}, ${await s.tryRenew()}`
    },
    expected: 'unavailable, own',
    holder: 'me',
    transitions: 5,
    requests: ['update', 'get', 'update']
  },
  {
    name: 'not allowed any more',
    record: RELEASED,
    async act (s) {
      await lead(s)
      s.store.script.push(refuse('forbidden'))
      return s.tryRenew()
    },
    expected: 'forbidden',
    holder: 'me',
    requests: ['update']
  }
]

const releasing: Row[] = [
  {
    name: 'ours: emptied, with the smallest duration and its count',
    record: RELEASED,
    async act (s) {
      await lead(s)
      const outcome = await s.tryRelease()
      return `${outcome}, ${s.lease.record?.leaseDurationSeconds} s, may hold: ${s.candidate.mayHold}`
    },
    expected: 'released, 1 s, may hold: false',
    holder: '',
    transitions: 5,
    requests: ['update']
  },
  {
    name: 'another candidate took it: not changed',
    record: RELEASED,
    async act (s) {
      await lead(s)
      s.lease.edit({ holderIdentity: 'other' })
      const first = await s.tryRelease()
      return `${first}, ${await s.tryRelease()}`
    },
    expected: 'conflict, standby',
    holder: 'other',
    requests: ['update', 'get']
  },
  {
    name: 'a write is in doubt: read first',
    record: RELEASED,
    async act (s) {
      s.store.script.push('answer', 'lose-reply')
      await s.tryAcquire()
      const inDoubt = s.candidate.mayHold
      return `in doubt: ${inDoubt}, ${await s.tryRelease()}`
    },
    expected: 'in doubt: true, released',
    holder: '',
    requests: ['get', 'update', 'get', 'update']
  }
]

for (const [verb, rows] of Object.entries({ acquire: acquiring, renew: renewing, release: releasing })) {
  for (const { name, record, dateOffsetMs, act, expected, holder, transitions, requests } of rows) {
    t.test(`${verb}: ${name}`, async (t) => {
      const situation = new Situation(record, dateOffsetMs)
      t.equal(await act(situation), expected)
      if (holder !== undefined) t.equal(situation.lease.record?.holderIdentity, holder)
      if (transitions !== undefined) t.equal(situation.lease.record?.leaseTransitions, transitions)
      t.same(situation.store.requests, requests)
    })
  }
}

t.test('a renewal is as old as its request, not as its reply', async (t) => {
  const s = new Situation(RELEASED)
  await s.tryAcquire()
  const { promise, resolve } = Promise.withResolvers<void>()
  const update = s.store.update.bind(s.store)
  s.store.update = async (record, version) => {
    await promise
    return update(record, version)
  }
  const sentAt = s.clock.now()
  const renewal = s.candidate.tryRenew()
  s.scheduler.schedule(1_000, resolve)
  await s.scheduler.advance(1_000)
  const held = await renewal
  t.equal(held?.sentAt, sentAt)
  t.equal(held?.durationMs, 1_000)
})

t.test('hints: a new holder causes a read, a renewal extends the wait, and neither does more', async (t) => {
  const s = new Situation(HELD)
  await s.tryAcquire()
  await s.at(10_000)
  t.equal(s.candidate.onHint({ ...HELD, renewTime: 'later' }), false, 'alive')
  t.equal(s.candidate.expiresInMs, 15_000)
  t.equal(s.candidate.onHint({ ...HELD, renewTime: 'later' }), false, 'the same hint again')
  t.equal(s.candidate.onHint(RELEASED), true)
  t.equal(s.candidate.onHint(undefined), true)
  t.equal(s.candidate.holder, 'other', 'believed only once it was read')
  t.same(s.store.requests, ['get'])
})

t.test('hints: the holder does not react to hints about its own renewals', async (t) => {
  const s = new Situation(RELEASED)
  await s.tryAcquire()
  t.equal(s.candidate.onHint(s.lease.record), false)
  t.equal(s.candidate.onHint(undefined), false)
  t.equal(s.candidate.onHint({ ...OURS, holderIdentity: 'usurper' }), true)
})

t.test('a change of holder is reported once, and so is a release', async (t) => {
  const s = new Situation(HELD)
  await s.tryAcquire()
  s.lease.edit({ renewTime: 'later' })
  await s.tryAcquire()
  s.lease.edit(RELEASED)
  await s.tryAcquire()
  t.same(s.events.filter(({ type }) => type === 'holder-changed'), [
    { type: 'holder-changed', holder: 'other', transitions: 4 },
    { type: 'holder-changed', holder: undefined, transitions: 4 },
    { type: 'holder-changed', holder: 'me', transitions: 5 }
  ])
})
