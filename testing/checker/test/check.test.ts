import {
  broken, check, INVARIANTS, unchecked, type ClientEntry, type Entry, type FinalState, type Run
} from '../index.ts'
import t from 'tap'
import { cleanRun } from './generator.ts'

t.test('a run that kept every promise breaks no invariant', async (t) => {
  for (let seed = 1; seed <= 200; seed++) {
    const verdicts = check(cleanRun({ seed, orders: 60 }))
    const found = verdicts.filter(({ result }) => result === 'broken')
    if (found.length > 0) t.fail(`seed ${seed}: ${JSON.stringify(found)}`)
  }
  const verdicts = check(cleanRun({ seed: 1, orders: 500 }))
  t.same(broken(verdicts), [])
  t.same(unchecked(verdicts), [], 'every invariant looked at something')
})

t.test('an invariant with nothing to check is not reported as holding', async (t) => {
  const { description, final } = cleanRun({ seed: 1, orders: 10 })
  const nothing = Object.fromEntries(Object.entries(final).map(([name, value]) => [name, Array.isArray(value) ? [] : value])) as unknown as FinalState
  const verdicts = check({ description: { ...description, recoveredAt: 0 }, entries: [], final: { ...nothing, health: {}, readers: undefined, effectsCounted: 0 } })
  t.same(broken(verdicts), [])
  const idle = ['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7', 'I8', 'I10', 'I11', 'I12', 'I13', 'I14', 'I17', 'I18', 'I19']
  t.match(unchecked(verdicts), idle)
})

t.test('the effects of a restore break no invariant, and are counted', async (t) => {
  for (let seed = 1; seed <= 100; seed++) {
    const found = check(cleanRun({ seed, orders: 150, restored: true })).filter(({ result }) => result === 'broken')
    if (found.length > 0) t.fail(`seed ${seed}: ${JSON.stringify(found)}`)
  }
  const run = cleanRun({ seed: 7, orders: 300, restored: true })
  const verdicts = check(run)
  const explained = Object.fromEntries(verdicts.map(({ invariant, explained }) => [invariant, explained]))
  t.match(explained, { I1: run.final.undoneAnswers.length, I3: 0, I4: run.final.undoneEvents.length, I8: 5 })
  t.ok((explained.I7 ?? 0) > 0, 'versions that were given twice')
})

interface Tampering {
  what: string
  tamper: (run: Run, pick: Pick) => Run
}

/** An event in the middle of the run that is in the topic and has a successor there. */
interface Pick {
  event: string
  order: string
  version: number
  successor: string
}

function pickOf ({ final }: Run): Pick {
  const first = final.topic.find(({ event, order, version }, index) => event !== undefined && index > 20 && version === 1 &&
    final.enqueued.some((row) => row.order === order && row.version === 2))
  const successor = final.enqueued.find(({ order, version }) => order === first?.order && version === 2)
  if (first?.event === undefined || first.order === undefined || successor === undefined) throw new Error('expected an order with two events, found none')
  return { event: first.event, order: first.order, version: 1, successor: successor.event }
}

const withFinal = (run: Run, change: Partial<FinalState>): Run => ({ ...run, final: { ...run.final, ...change } })
const withEntries = (run: Run, ...entries: Run['entries'] extends Iterable<infer E> ? E[] : never): Run => ({ ...run, entries: [...run.entries, ...entries] })
const without = <Row extends object>(rows: readonly Row[], wrong: (row: Row) => boolean): Row[] => rows.filter((row) => !wrong(row))
const changed = <Row extends object>(rows: readonly Row[], which: (row: Row) => boolean, change: Partial<Row>): Row[] =>
  rows.map((row) => which(row) ? { ...row, ...change } : row)
const request = (type: ClientEntry['type'], op: number, t: number, change: Partial<ClientEntry> = {}): ClientEntry =>
  ({ kind: 'client', process: 'client-0', f: 'create', key: `extra-${op}`, type, op, t, ...change })

/** A relay from its start on, with a sample each second. @param options.garbage bytes that gather in five minutes, and are collected then */
function aLife ({ minutes, growthPerSecond, bytes = 80_000_000, garbage = 0 }: { minutes: number, growthPerSecond: number, bytes?: number, garbage?: number }): Entry[] {
  return [
    { kind: 'process', t: 0, process: 'relay-1', type: 'invoke', f: 'life' },
    ...Array.from({ length: minutes * 60 }, (_, second): Entry => ({
      kind: 'sample', f: 'sample', t: second * 1_000, process: 'sampler', type: 'ok', commitMs: 1, accepted: 0, published: 0, applied: 0, leaders: {}, rssBytes: { 'relay-1': bytes + second * growthPerSecond + garbage * (second % 300) / 300 }
    }))
  ]
}

const TAMPERINGS: Record<string, Tampering[]> = {
  I1: [
    { what: 'an acknowledged order vanished', tamper: (run, { order }) => withFinal(run, { orders: without(run.final.orders, (row) => row.order === order) }) },
    { what: 'an acknowledged change vanished', tamper: (run, { order }) => withFinal(run, { orders: changed(run.final.orders, (row) => row.order === order, { version: 1, status: 'PENDING' }) }) },
    { what: 'an order was acknowledged with another status', tamper: (run) => withEntries(run, request('ok', 9e6, 3, { order: run.final.orders[0]?.order ?? '', version: 1, status: 'SHIPPED' })) }
  ],
  I2: [
    { what: 'a change without its event', tamper: (run, { successor }) => withFinal(run, { enqueued: without(run.final.enqueued, ({ event }) => event === successor) }) },
    { what: 'an event without its order', tamper: (run, { order }) => withFinal(run, { orders: without(run.final.orders, (row) => row.order === order) }) },
    { what: 'two events of one version', tamper: (run, { event }) => withFinal(run, { enqueued: [...run.final.enqueued, ...run.final.enqueued.filter((row) => row.event === event).map((row) => ({ ...row, event: 'twin', id: 9e6 }))] }) }
  ],
  I3: [
    { what: 'an event never reached the topic', tamper: (run, { event }) => withFinal(run, { topic: without(run.final.topic, (row) => row.event === event) }) }
  ],
  I4: [
    { what: 'an event in the topic was never committed', tamper: (run) => withFinal(run, { topic: [...run.final.topic, { partition: 2, offset: 9e6, event: 'phantom', order: 'nobody', version: 1, hash: 'h' }] }) },
    {
      what: 'a refused request was carried out',
      tamper: (run) => withFinal(withEntries(run, request('invoke', 9e6, 3), request('fail', 9e6, 4)), { answers: [...run.final.answers, { key: `extra-${9e6}`, order: 'x', version: 1, status: 'PENDING' }] })
    }
  ],
  I5: [
    { what: 'the value changed on the way', tamper: (run, { event }) => withFinal(run, { topic: changed(run.final.topic, (row) => row.event === event, { hash: 'other' }) }) },
    { what: 'a header changed on the way', tamper: (run, { event }) => withFinal(run, { topic: changed(run.final.topic, (row) => row.event === event, { version: 7 }) }) }
  ],
  I6: [
    { what: 'an order is in two partitions', tamper: (run, { successor }) => withFinal(run, { topic: run.final.topic.map((row) => row.event === successor ? { ...row, partition: (row.partition + 1) % 3 } : row) }) }
  ],
  I7: [
    {
      what: 'two events of an order changed places',
      tamper: (run, { event, successor }) => {
        const [a, b] = [event, successor].map((wanted) => run.final.topic.findIndex((row) => row.event === wanted)) as [number, number]
        const topic = [...run.final.topic]
        const [first, second] = [topic[a], topic[b]]
        if (first === undefined || second === undefined) throw new Error('expected both events in the topic')
        topic[a] = { ...second, offset: first.offset }
        topic[b] = { ...first, offset: second.offset }
        return withFinal(run, { topic })
      }
    }
  ],
  I8: [
    { what: 'an event is in the topic twice', tamper: (run, { event }) => withFinal(run, { topic: [...run.final.topic, ...run.final.topic.filter((row) => row.event === event).map((row) => ({ ...row, offset: 9e6 }))] }) },
    {
      what: 'more duplicates than the failures explain',
      tamper: (run) => {
        const copies = run.final.topic.filter(({ event }) => event !== undefined)
        const atLeastOnce = { ...run, description: { ...run.description, delivery: 'at-least-once' as const, batchEvents: 1 } }
        return withFinal(atLeastOnce, { topic: [...run.final.topic, ...copies.map((row) => ({ ...row, offset: row.offset + 1e6 }))] })
      }
    }
  ],
  I9: [
    { what: 'an effect is missing', tamper: (run, { event }) => withFinal(run, { effects: without(run.final.effects, (row) => row.event === event) }) },
    { what: 'an event took effect twice', tamper: (run, { event }) => withFinal(run, { effects: [...run.final.effects, ...run.final.effects.filter((row) => row.event === event)] }) },
    { what: 'the consumer counted an effect twice', tamper: (run) => withFinal(run, { effectsCounted: run.final.effectsCounted + 1 }) },
    { what: 'the read model shows an older state', tamper: (run, { order }) => withFinal(run, { views: changed(run.final.views, (row) => row.order === order, { version: 1, status: 'PENDING' }) }) },
    { what: 'the read model misses an order', tamper: (run, { order }) => withFinal(run, { views: without(run.final.views, (row) => row.order === order) }) },
    { what: 'an effect without an event', tamper: (run) => withFinal(run, { effects: [...run.final.effects, { event: 'x', order: 'y', version: 1, status: 'PENDING' }], effectsCounted: run.final.effectsCounted + 1 }) },
    { what: 'an event is in the inbox twice', tamper: (run, { event }) => withFinal(run, { inbox: [...run.final.inbox, event] }) }
  ],
  I10: [
    { what: 'a fenced relay deleted events', tamper: (run) => withFinal(run, { fence: run.final.fence.map((row, index) => index === run.final.fence.findLastIndex(({ what }) => what === 'delete') ? { ...row, by: 'zombie' } : row) }) },
    { what: 'a fenced relay cleared the claim', tamper: (run) => withFinal(run, { fence: [...run.final.fence, { seq: 9e6, what: 'complete', by: 'zombie', shard: 0, epoch: 1 }] }) },
    { what: 'the epoch fell back', tamper: (run) => withFinal(run, { fence: [...run.final.fence, { seq: 9e6, what: 'takeover', by: 'relay-9', shard: 0, epoch: 1 }] }) }
  ],
  I11: [
    {
      what: 'a predecessor published after its successor',
      tamper: (run) => {
        const last = run.final.topic.findLast(({ event }) => event !== undefined)
        const id = run.final.enqueued.find(({ event }) => event === last?.event)?.id ?? -1
        return withFinal(run, { fence: run.final.fence.map((row) => row.what === 'claim' && row.ids?.includes(id) === true ? { ...row, epoch: 0 } : row) })
      }
    }
  ],
  I12: [
    { what: 'an offset was committed, but its record was not applied', tamper: (run, { event }) => withFinal(run, { inbox: run.final.inbox.filter((other) => other !== event) }) }
  ],
  I13: [
    { what: 'a poison record was lost', tamper: (run) => withFinal(run, { putAside: [] }) },
    {
      what: 'a later event passed its dead letter',
      tamper: (run) => {
        const waiting = run.final.enqueued.find(({ id }) => id === run.final.outbox[0])
        return withFinal(run, { topic: [...run.final.topic, { partition: 1, offset: 9e6, event: waiting?.event ?? '', order: waiting?.order ?? '', version: 2, hash: 'x' }] })
      }
    },
    { what: 'a dead letter does not block', tamper: (run) => withFinal(run, { deadLetters: run.final.deadLetters.map((letter) => ({ ...letter, blocking: false })) }) }
  ],
  I14: [
    {
      what: 'an order was refused while only Kafka was away',
      tamper: (run) => withEntries(quietRun(run),
        { kind: 'fault', t: 10, process: 'nemesis', type: 'invoke', f: 'F13', id: 7, target: 'kafka', affects: ['kafka'] },
        request('invoke', 9e6, 11), request('ok', 9e6, 12, { refusals: [503], order: run.final.orders[0]?.order ?? '', version: 1, status: 'PENDING' }),
        { kind: 'fault', t: 20, process: 'nemesis', type: 'ok', f: 'F13', id: 7, target: 'kafka', affects: ['kafka'] })
    }
  ],
  I15: [
    { what: 'not everything arrived', tamper: (run) => ({ ...run, description: { ...run.description, recoveredAt: undefined } }) },
    { what: 'everything arrived too late', tamper: (run) => ({ ...run, description: { ...run.description, recoveredAt: 1e9 } }) },
    { what: 'a process is not ready', tamper: (run) => withFinal(run, { health: { 'relay-1': 'not a member' } }) },
    { what: 'a fault was never healed', tamper: (run) => withEntries(run, { kind: 'fault', t: 3, process: 'nemesis', type: 'invoke', f: 'F20', id: 9, target: 'postgres', affects: ['postgres'] }) }
  ],
  I16: [
    { what: 'a process ended by itself', tamper: (run) => withEntries(run, { kind: 'process', t: 3, process: 'relay-1', type: 'fail', f: 'life' }) },
    { what: 'an uncaught error', tamper: (run) => withEntries(run, { kind: 'process', t: 3, process: 'relay-1', type: 'info', f: 'log', detail: 'an uncaught error' }) },
    { what: 'a transaction was left open', tamper: (run) => withFinal(run, { idleInTransaction: 1 }) },
    { what: 'a foreign position without another writer', tamper: (run) => withEntries(run, { kind: 'relay', t: 3, process: 'relay-1', type: 'info', f: 'foreign', shard: 0, epoch: 1 }) },
    {
      what: 'memory grows',
      tamper: (run) => withEntries(run, ...aLife({ minutes: 60, growthPerSecond: 50_000 }))
    }
  ],
  I17: [
    {
      what: 'a request was carried out twice: two orders of one create',
      tamper: (run, { order }) => {
        const twin = { ...run.final.orders.find((row) => row.order === order), order: 'twin', version: 1, status: 'PENDING' }
        return withFinal(run, { orders: [...run.final.orders, twin], enqueued: [...run.final.enqueued, { id: 9e6, event: 'twin', order: 'twin', version: 1, status: 'PENDING', hash: 'h' }] })
      }
    },
    { what: 'an order without a create', tamper: (run) => withFinal(run, { orders: [...run.final.orders, { order: 'x', version: 1, status: 'PENDING', origin: 'nobody' }] }) },
    {
      what: 'a change was carried out twice',
      tamper: (run, { order }) => {
        const events = run.final.enqueued.filter((row) => row.order === order)
        return withFinal(run, { enqueued: [...run.final.enqueued, { id: 9e6, event: 'twin', order, version: events.length + 1, status: 'DELIVERED', hash: 'h' }] })
      }
    },
    { what: 'an acknowledged change has no event', tamper: (run, { order }) => withEntries(run, request('ok', 9e6, 3, { f: 'ship', order, version: 2, status: 'SHIPPED' }), request('ok', 9e6 + 1, 3, { f: 'ship', order, version: 2, status: 'SHIPPED' }), request('ok', 9e6 + 2, 3, { f: 'ship', order, version: 2, status: 'SHIPPED' })) },
    { what: 'a refused create made an order', tamper: (run, { order }) => withEntries(run, request('invoke', 9e6, 3, { origin: run.final.orders.find((row) => row.order === order)?.origin ?? '' }), request('fail', 9e6, 4)) }
  ],
  I18: [
    { what: 'an answer was given and is not stored', tamper: (run) => withFinal(run, { answers: run.final.answers.slice(1) }) },
    { what: 'another answer is stored', tamper: (run) => withFinal(run, { answers: run.final.answers.map((answer, index) => index === 0 ? { ...answer, version: 9 } : answer) }) },
    {
      what: 'a repeated request got another answer',
      tamper: (run) => {
        const [answer] = run.final.answers
        if (answer === undefined) throw new Error('expected an answer')
        const { key, order, version, status } = answer
        return withEntries(run, request('invoke', 9e6, 3, { key }), request('ok', 9e6, 4, { key, order, version, status, again: [{ order, version: version + 1, status: 'CONFIRMED' }] }))
      }
    }
  ],
  I19: [
    { what: 'the readers differ', tamper: (run) => withFinal(run, { readers: { records: 10, differences: 1, first: ['partition 0, offset 3: …'] } }) }
  ]
}

/** The same with a restore in the middle: the differences that it explains must hide no others. */
const RESTORED: Array<Tampering & { invariant: string }> = [
  {
    invariant: 'I3',
    what: 'an event that came back was not published again, and had not been before',
    tamper: (run) => {
      const back = run.final.restores[0]?.outbox.at(-1)
      return withFinal(run, { topic: without(run.final.topic, ({ event }) => event === back) })
    }
  },
  {
    invariant: 'I8',
    what: 'an event is twice in the topic that no restore brought back',
    tamper: (run) => {
      const back = new Set(run.final.restores[0]?.outbox)
      const row = run.final.topic.find(({ event }) => event !== undefined && !back.has(event) && run.final.enqueued.some((other) => other.event === event))
      return withFinal(run, { topic: [...run.final.topic, { ...row, partition: row?.partition ?? 0, offset: 9e6 }] })
    }
  },
  {
    invariant: 'I8',
    what: 'an event that was thrown away is twice in the topic',
    tamper: (run) => {
      const row = run.final.topic.find(({ event }) => event === run.final.undoneEvents[0]?.event)
      return withFinal(run, { topic: [...run.final.topic, { ...row, partition: row?.partition ?? 0, offset: 9e6 }] })
    }
  },
  {
    invariant: 'I8',
    what: 'an event that came back is in the topic three times',
    tamper: (run) => {
      const row = run.final.topic.find(({ event }) => event === run.final.restores[0]?.outbox[0])
      return withFinal(run, { topic: [...run.final.topic, { ...row, partition: row?.partition ?? 0, offset: 9e6 }] })
    }
  },
  {
    invariant: 'I8',
    what: 'the second copy was there before the restore',
    tamper: (run) => withFinal(run, { restores: run.final.restores.map((restore) => ({ ...restore, ends: restore.ends.map((end) => ({ ...end, offset: 9e6 })) })) })
  },
  { invariant: 'I1', what: 'an acknowledged order is missing, also in the data that was thrown away', tamper: (run) => withFinal(run, { undoneAnswers: [] }) },
  { invariant: 'I4', what: 'an event in the topic was never committed, also not in the data that was thrown away', tamper: (run) => withFinal(run, { undoneEvents: run.final.undoneEvents.slice(1) }) },
  { invariant: 'I5', what: 'an event that was thrown away was published with other content', tamper: (run) => withFinal(run, { undoneEvents: run.final.undoneEvents.map((row) => ({ ...row, hash: 'other' })) }) },
  {
    invariant: 'I7',
    what: 'a version that was thrown away came before the one that it follows',
    tamper: (run) => withFinal(run, {
      undoneEvents: run.final.undoneEvents.map((row) => ({ ...row, version: 3 })),
      topic: run.final.topic.map((row) => row.event?.startsWith('undone') === true ? { ...row, version: 3 } : row)
    })
  },
  { invariant: 'I10', what: 'a fenced relay deleted events in the data that was thrown away', tamper: (run) => withFinal(run, { undoneFence: run.final.undoneFence.map((row) => row.what === 'delete' ? { ...row, by: 'zombie' } : row) }) },
  { invariant: 'I17', what: 'an order was made by a request that was refused', tamper: (run) => withEntries(run, request('invoke', 9e6, 3, { origin: run.final.orders[0]?.origin ?? '' }), request('fail', 9e6, 4)) }
]

/** Without the faults of the generated run, which take Postgres away all the time. */
function quietRun (run: Run): Run {
  return { ...run, entries: [...run.entries].filter(({ kind }) => kind !== 'fault') }
}

for (const { id, title } of INVARIANTS) {
  t.test(`${id}, ${title}: the tampered histories break it`, async (t) => {
    const tamperings = TAMPERINGS[id] ?? []
    t.ok(tamperings.length > 0, 'there is a tampered run for it')
    for (const { what, tamper } of tamperings) {
      const run = cleanRun({ seed: 42, orders: 200 })
      const verdict = check(tamper(run, pickOf(run))).find(({ invariant }) => invariant === id)
      t.equal(verdict?.result, 'broken', what)
      t.ok((verdict?.examples.length ?? 0) > 0, 'and has an example')
    }
  })
}

for (const { invariant, what, tamper } of RESTORED) {
  t.test(`with a restore, ${invariant} is broken by: ${what}`, async (t) => {
    const run = cleanRun({ seed: 42, orders: 300, restored: true })
    t.ok(broken(check(tamper(run, pickOf(run)))).includes(invariant))
  })
}

t.test('beside a copied database: duplicates of events in both are explained, and losses of either are found', async (t) => {
  const run = cleanRun({ seed: 42, orders: 200 })
  const { event } = pickOf(run)
  const copy = { id: 1, from: 5, to: 10, outbox: [event], left: [] }
  const stranger = { id: 1, event: 'strange', order: 'strange', version: 1, status: 'PENDING', hash: 'strange' }
  const there = { partition: 0, offset: 8e6, event: 'strange', order: 'strange', version: 1, hash: 'strange' }
  const twice = run.final.topic.filter((row) => row.event === event).map((row) => ({ ...row, offset: 9e6 }))
  const effects = { inbox: [...run.final.inbox, 'strange'], effects: [...run.final.effects, { event: 'strange', order: 'strange', version: 1, status: 'PENDING' }], effectsCounted: run.final.effectsCounted + 1, views: [...run.final.views, { order: 'strange', version: 1, status: 'PENDING' }] }
  const base = { copies: [copy], copiedEvents: [stranger] }
  t.same(broken(check(withFinal(run, { ...base, ...effects, topic: [...run.final.topic, there, there, ...twice] }))), [])
  t.same(broken(check(withFinal(run, base))), ['I3'], 'lost by the copy')
  t.same(broken(check(withFinal(run, { copies: [{ ...copy, left: ['strange'] }], copiedEvents: [stranger] }))), [], 'left in the outbox of the copy')
  t.same(broken(check(withFinal(run, { copies: [{ ...copy, outbox: [] }], topic: [...run.final.topic, ...twice] }))), ['I8'], 'a duplicate of an event in one of them only')
})

t.test('beside a copied database: a batch that was in flight when its position was replaced may be there twice', async (t) => {
  const run = cleanRun({ seed: 42, orders: 200 })
  const claim = run.final.fence.findLast(({ what }) => what === 'claim')
  const inFlight = run.final.enqueued.find(({ id }) => id === claim?.ids?.[0])
  const twice = run.final.topic.filter(({ event }) => event === inFlight?.event).map((row) => ({ ...row, offset: 9e6 }))
  const tail = run.final.fence.filter(({ seq }) => seq > (claim?.seq ?? 0))
  const epoch = (claim?.epoch ?? 0) + 1
  const fence = [
    ...run.final.fence.filter(({ seq }) => seq <= (claim?.seq ?? 0)),
    { seq: (claim?.seq ?? 0) + 0.1, what: 'takeover' as const, by: 'relay-9', shard: 0, epoch },
    { ...claim, seq: (claim?.seq ?? 0) + 0.2, what: 'claim' as const, by: 'relay-9', shard: 0, epoch },
    ...tail.filter(({ what }) => what !== 'takeover').map((row) => ({ ...row, by: 'relay-9', ...(row.epoch === undefined ? {} : { epoch }) }))
  ]
  const foreign = { kind: 'relay' as const, t: 7, process: 'relay-9', type: 'info' as const, f: 'foreign' as const, shard: 0, epoch }
  const both = withFinal(run, { copies: [{ id: 1, from: 5, to: 10, outbox: [], left: [] }], fence, topic: [...run.final.topic, ...twice] })
  t.same(broken(check(withEntries(both, foreign))), [])
  t.same(broken(check(both)), ['I8'], 'no relay said that it found a foreign position')
})

t.test('a request that is refused while Postgres itself is slow says nothing about Kafka', async (t) => {
  const run = quietRun(cleanRun({ seed: 42, orders: 200 }))
  const refused = (...samples: Array<number | undefined>) => broken(check(withEntries(run,
    { kind: 'fault', t: 20_000, process: 'nemesis', type: 'invoke', f: 'F13', id: 7, target: 'kafka', affects: ['kafka'] },
    request('invoke', 9e6, 21_000),
    ...samples.map((commitMs, index) => ({
      kind: 'sample' as const, f: 'sample' as const, t: 20_500 + 1_000 * index, process: 'sampler', type: 'ok' as const, accepted: 0, published: 0, applied: 0, leaders: {}, rssBytes: {}, ...(commitMs === undefined ? {} : { commitMs })
    })),
    request('ok', 9e6, 22_000, { refusals: [503], order: run.final.orders[0]?.order ?? '', version: 1, status: 'PENDING' }),
    { kind: 'fault', t: 30_000, process: 'nemesis', type: 'ok', f: 'F13', id: 7, target: 'kafka', affects: ['kafka'] })))
  t.ok(refused(3, 4, 3).includes('I14'))
  t.notOk(refused(3, 4_000, 3).includes('I14'))
  t.notOk(refused(3, undefined, 3).includes('I14'))
})

t.test('memory is checked in long lives only, and each life alone', async (t) => {
  const run = cleanRun({ seed: 3, orders: 10 })
  t.same(broken(check(withEntries(run, ...aLife({ minutes: 60, growthPerSecond: 0 })))), [])
  t.same(broken(check(withEntries(run, ...aLife({ minutes: 14, growthPerSecond: 1_000_000 })))), [])
  t.same(broken(check(withEntries(run, ...aLife({ minutes: 16, growthPerSecond: 1_000_000 })))), ['I16'])
  t.same(broken(check(withEntries(run, ...aLife({ minutes: 17, growthPerSecond: 0, garbage: 120_000_000 })))), [], 'garbage is no leak')
  t.same(broken(check(withEntries(run, ...aLife({ minutes: 30, growthPerSecond: 100_000, garbage: 120_000_000 })))), ['I16'], 'a leak below garbage')
  const next = aLife({ minutes: 30, growthPerSecond: 0, bytes: 400_000_000 }).map((entry) => ({ ...entry, t: entry.t + 1_800_000 }))
  t.same(broken(check(withEntries(run, ...aLife({ minutes: 30, growthPerSecond: 0 }), { kind: 'process', t: 1_799_500, process: 'relay-1', type: 'ok', f: 'life' }, ...next))), [])
})

t.test('a process that holds two shards has an epoch in each', async (t) => {
  const run = cleanRun({ seed: 42, orders: 200 })
  const ids = run.final.topic.flatMap(({ event }) => run.final.enqueued.find((row) => row.event === event)?.id ?? [])
  const fence = (second: number): FinalState['fence'] => [
    { seq: 1, what: 'takeover', by: 'relay-1', shard: 0, epoch: 1 },
    { seq: 2, what: 'takeover', by: 'relay-1', shard: 0, epoch: 2 },
    { seq: 3, what: 'takeover', by: 'relay-1', shard: 1, epoch: 1 },
    ...ids.map((id, index) => index % 2 === 0
      ? { seq: 4 + index, what: 'delete' as const, by: 'relay-1', shard: 0, epoch: 2, ids: [id] }
      : { seq: 4 + index, what: 'delete' as const, by: 'relay-1', shard: 1, epoch: second, ids: [id] })
  ]
  t.same(broken(check(withFinal(run, { fence: fence(1) }))), [])
  t.same(broken(check(withFinal(run, { fence: fence(2) }))), ['I10'])
})

t.test('at least once, duplicates that the failures explain are allowed', async (t) => {
  const run = cleanRun({ seed: 42, orders: 200 })
  const { event } = pickOf(run)
  const twice = withFinal(run, { topic: [...run.final.topic, ...run.final.topic.filter((row) => row.event === event).map((row) => ({ ...row, offset: 9e6 }))] })
  t.same(broken(check({ ...twice, description: { ...run.description, delivery: 'at-least-once' } })), [])
})

t.test('a refused event may be missing where the setting says so', async (t) => {
  const run = cleanRun({ seed: 42, orders: 200 })
  const { event, order } = pickOf(run)
  const skipped = withFinal(run, {
    topic: without(run.final.topic, (row) => row.event === event).map((row) => ({ ...row })),
    inbox: run.final.inbox.filter((other) => other !== event),
    effects: without(run.final.effects, (row) => row.event === event),
    effectsCounted: run.final.effectsCounted - 1,
    deadLetters: [...run.final.deadLetters, { event, order, version: 1, blocking: false, replayed: false }]
  })
  t.same(broken(check({ ...skipped, description: { ...run.description, refused: 'skip' } })), [])
  t.ok(broken(check(skipped)).includes('I7'))
})
