import type {
  ClientEntry, EnqueuedRow, Entry, FenceRow, FinalState, OrderRow, Run, TopicRow
} from '@orders/history'

export interface GeneratorOptions {
  seed: number
  orders: number
}

const LIVES: ReadonlyArray<ReadonlyArray<[ClientEntry['f'], string]>> = [
  [['create', 'PENDING']],
  [['create', 'PENDING'], ['cancel', 'CANCELLED']],
  [['create', 'PENDING'], ['confirm', 'CONFIRMED'], ['ship', 'SHIPPED'], ['deliver', 'DELIVERED']]
]
const PARTITIONS = 3
const MAX_BATCH = 20

/** mulberry32: small, and the same numbers for the same seed everywhere. */
export function randomOf (seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/**
 * A run in which every promise was kept: requests whose answers got lost, requests refused, events that commit out of the
 * order of their ids, take-overs with a batch in flight, faults, a dead letter.
 */
export function cleanRun ({ seed, orders: count }: GeneratorOptions): Run {
  const random = randomOf(seed)
  const whole = (below: number) => Math.floor(random() * below)
  const entries: Entry[] = []
  const orders: OrderRow[] = []
  const answers: FinalState['answers'][number][] = []
  const enqueued: EnqueuedRow[] = []
  let [op, t, id] = [0, 0, 0]

  const request = (f: ClientEntry['f'], outcome: 'ok' | 'fail' | 'info', done?: OrderRow, refusals?: number[]) => {
    const key = `key-${++op}`
    const base = { kind: 'client' as const, process: `client-${op % 8}`, f, op, key }
    entries.push({ ...base, type: 'invoke', t: t++ })
    entries.push({ ...base, type: outcome, t: t++, ...(outcome === 'ok' ? done : {}), ...(refusals === undefined ? {} : { refusals }) })
    if (done !== undefined && outcome !== 'fail') answers.push({ key, order: done.order, version: done.version })
  }
  for (let index = 0; index < count; index++) {
    const order = `order-${seed}-${index}`
    // The first order meets the fault that it must not notice; after it nothing is too bad to happen.
    const rough = index > 0
    if (rough && random() < 0.01) {
      // Refused for what it is, or never carried out and nobody knows.
      request('create', random() < 0.5 ? 'fail' : 'info')
      continue
    }
    let version = 0
    let newest = ''
    for (const [f, status] of LIVES[whole(LIVES.length)] ?? []) {
      version++
      newest = status
      enqueued.push({ id: id++, event: `event-${seed}-${index}-${version}`, order, version, status, hash: `hash-${index}-${version}` })
      // Now and then carried out, and the answer lost for good: then nobody asks for the next change.
      const lost = rough && random() < 0.01
      request(f, lost ? 'info' : 'ok', { order, version, status }, rough && !lost && random() < 0.02 ? [0, 503] : undefined)
      if (lost) break
    }
    orders.push({ order, version, status: newest })
  }

  // A poisoned order: its first event is a dead letter of the relay, its second waits behind it.
  const poisoned = `poisoned-${seed}`
  const letter: EnqueuedRow = { id: id++, event: `event-${seed}-poison`, order: poisoned, version: 1, status: 'PENDING', hash: 'too large' }
  const waiting: EnqueuedRow = { id: id++, event: `event-${seed}-waiting`, order: poisoned, version: 2, status: 'CONFIRMED', hash: 'x' }
  enqueued.push(letter, waiting)
  orders.push({ order: poisoned, version: 2, status: 'CONFIRMED' })

  const { fence, topic } = publish(enqueued.filter(({ order }) => order !== poisoned), entries, whole, random, () => t++)
  // What somebody else put into the topic.
  const stranger: TopicRow = { partition: 0, offset: topic.filter(({ partition }) => partition === 0).length }
  topic.push(stranger)
  topic.sort((a, b) => a.partition - b.partition || a.offset - b.offset)
  const published = new Set(topic.map(({ event }) => event))
  const effects = enqueued.filter(({ event }) => published.has(event)).map(({ order, version, event, status }) => ({ order, version, event, status }))

  entries.push({ kind: 'fault', t: 1, process: 'nemesis', type: 'invoke', f: 'F13', id: 1, target: 'kafka', affects: ['kafka'] })
  entries.push({ kind: 'fault', t: 1.5, process: 'nemesis', type: 'ok', f: 'F13', id: 1, target: 'kafka', affects: ['kafka'] })
  entries.push({ kind: 'fault', t: 1.5, process: 'nemesis', type: 'invoke', f: 'F19', id: 2, target: 'postgres', affects: ['postgres'] })
  entries.push({ kind: 'fault', t: t++, process: 'nemesis', type: 'ok', f: 'F19', id: 2, target: 'postgres', affects: ['postgres'] })
  return {
    description: {
      seed,
      startedAt: '2026-01-01T00:00:00Z',
      durationMs: t,
      delivery: 'exactly-once',
      refused: 'block',
      batchEvents: MAX_BATCH,
      recoveryDeadlineMs: 60_000,
      recoveredAt: t + 1_000,
      schedule: []
    },
    entries,
    final: {
      orders,
      answers,
      enqueued,
      outbox: [waiting.id],
      deadLetters: [{ event: letter.event, order: poisoned, version: 1, blocking: true, replayed: false }],
      fence,
      topic,
      inbox: effects.map(({ event }) => event),
      effects,
      views: orders.filter(({ order }) => order !== poisoned),
      effectsCounted: effects.length,
      offsets: Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, offset: topic.filter((row) => row.partition === partition).length })),
      putAside: [{ partition: stranger.partition, offset: stranger.offset }],
      idleInTransaction: 0,
      health: { 'relay-1': 'ready', 'order-consumer': 'ready' }
    }
  }
}

/** Claims, publishes and deletes batches, with a take-over now and then while one is in flight. */
function publish (events: EnqueuedRow[], entries: Entry[], whole: (below: number) => number, random: () => number, tick: () => number) {
  const fence: FenceRow[] = []
  const topic: TopicRow[] = []
  const offsets = Array.from({ length: PARTITIONS }, () => 0)
  let epoch = 0
  let by = ''
  const takeOver = () => {
    epoch++
    by = `relay-${1 + whole(3)}-life-${epoch}`
    fence.push({ what: 'take-over', by, shard: 0, epoch })
    entries.push({ kind: 'relay', t: tick(), process: by.slice(0, 7), type: 'ok', f: 'take-over', shard: 0, epoch })
  }
  takeOver()
  const waiting = [...events]
  // Two orders' transactions may commit in another order than that of their ids: a neighbour comes first then.
  for (let index = 0; index + 1 < waiting.length; index++) {
    const [first, second] = [waiting[index], waiting[index + 1]]
    if (first !== undefined && second !== undefined && first.order !== second.order && random() < 0.1) [waiting[index], waiting[index + 1]] = [second, first]
  }
  for (let start = 0; start < waiting.length;) {
    const batch = waiting.slice(start, start + 1 + whole(MAX_BATCH))
    const ids = batch.map(({ id }) => id)
    fence.push({ what: 'claim', by, shard: 0, epoch, ids })
    const fate = random()
    if (fate < 0.02) {
      // Crashed before Kafka had it: claimed again by the next.
      takeOver()
      continue
    }
    for (const { event, order, version, hash } of batch) {
      const partition = [...order].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % PARTITIONS
      topic.push({ partition, offset: offsets[partition] ?? 0, event, order, version, hash })
      offsets[partition] = (offsets[partition] ?? 0) + 1
    }
    // Crashed after Kafka had it: the next one completes it.
    if (fate < 0.04) takeOver()
    fence.push({ what: 'delete', by, ids }, { what: 'complete', by, shard: 0, epoch })
    start += batch.length
  }
  return { fence, topic }
}
