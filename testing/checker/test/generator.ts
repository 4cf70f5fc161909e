import type {
  AnswerRow, ClientEntry, EnqueuedRow, Entry, FenceRow, FinalState, OrderRow, Run, TopicRow
} from '../index.ts'
import { Random } from '../../framework/random.ts'

export interface GeneratorOptions {
  seed: number
  orders: number
  /** Postgres goes back once in the middle of the run, with relays at work. */
  restored?: boolean
}

const LIVES: ReadonlyArray<ReadonlyArray<[ClientEntry['f'], string]>> = [
  [['create', 'PENDING']],
  [['create', 'PENDING'], ['cancel', 'CANCELLED']],
  [['create', 'PENDING'], ['confirm', 'CONFIRMED'], ['ship', 'SHIPPED'], ['deliver', 'DELIVERED']]
]
const PARTITIONS = 3
const MAX_BATCH = 20

/**
 * A run in which every promise was kept: requests whose answers got lost, requests refused, events that commit out of the
 * order of their ids, takeovers with a batch in flight, faults, a dead letter.
 */
export function cleanRun ({ seed, orders: count, restored = false }: GeneratorOptions): Run {
  const random = new Random(seed)
  const entries: Entry[] = []
  const orders: OrderRow[] = []
  const answers: FinalState['answers'][number][] = []
  const enqueued: EnqueuedRow[] = []
  let [op, t, id] = [0, 0, 0]

  const ask = (f: ClientEntry['f'], outcome: 'ok' | 'fail' | 'info', about: { origin?: string, order?: string }, done?: OrderRow, refusals?: number[]): AnswerRow | undefined => {
    const key = `key-${++op}`
    const base = { kind: 'client' as const, process: `client-${op % 8}`, f, op, key }
    // Now and then sent twice at a time, or once more afterwards.
    const again = done !== undefined && random.chance(0.1) ? { again: [done] } : {}
    entries.push({ ...base, ...about, type: 'invoke', t: t++ })
    entries.push({ ...base, type: outcome, t: t++, ...(outcome === 'ok' ? { ...done, ...again } : {}), ...(refusals === undefined ? {} : { refusals }) })
    return done !== undefined && outcome !== 'fail' ? { key, ...done } : undefined
  }
  const request = (...asked: Parameters<typeof ask>) => {
    const answer = ask(...asked)
    if (answer !== undefined) answers.push(answer)
  }
  for (let index = 0; index < count; index++) {
    const order = `order-${seed}-${index}`
    const origin = `origin-${seed}-${index}`
    // The first order meets a fault that must not affect it. All later ones may meet any failure.
    const rough = index > 0
    if (rough && random.chance(0.01)) {
      // Refused for its content, or never carried out with an unknown outcome.
      request('create', random.chance(0.5) ? 'fail' : 'info', { origin: `origin-${seed}-${index}` })
      continue
    }
    let version = 0
    let newest = ''
    for (const [f, status] of random.pick(LIVES)) {
      version++
      newest = status
      enqueued.push({ id: id++, event: `event-${seed}-${index}-${version}`, order, version, status, hash: `hash-${index}-${version}` })
      // Sometimes carried out without any answer: then the client requests no further change.
      const lost = rough && random.chance(0.01)
      request(f, lost ? 'info' : 'ok', f === 'create' ? { origin } : { order }, { order, version, status }, rough && !lost && random.chance(0.02) ? [0, 503] : undefined)
      if (lost) break
    }
    // Of two concurrent clients, one is refused.
    if (newest === 'CANCELLED' && random.chance(0.3)) request('confirm', 'fail', { order })
    orders.push({ order, version, status: newest, origin })
  }

  // A poisoned order: its first event is a dead letter of the relay, its second waits behind it.
  const poisoned = `poisoned-${seed}`
  const letter: EnqueuedRow = { id: id++, event: `event-${seed}-poison`, order: poisoned, version: 1, status: 'PENDING', hash: 'too large' }
  const waiting: EnqueuedRow = { id: id++, event: `event-${seed}-waiting`, order: poisoned, version: 2, status: 'CONFIRMED', hash: 'x' }
  enqueued.push(letter, waiting)
  request('create', 'info', { origin: poisoned }, { order: poisoned, version: 1, status: 'PENDING' })
  request('confirm', 'ok', { order: poisoned }, { order: poisoned, version: 2, status: 'CONFIRMED' })
  orders.push({ order: poisoned, version: 2, status: 'CONFIRMED', origin: poisoned })

  const restore = restored ? planRestore(enqueued.filter(({ order }) => order !== poisoned), seed) : undefined
  // Acknowledged, and thrown away.
  const undoneAnswers = (restore?.undone ?? []).flatMap(({ order, version, status }) => {
    const origin = `origin-${order}`
    return ask(version === 1 ? 'create' : 'cancel', 'ok', version === 1 ? { origin } : { order }, { order, version, status }) ?? []
  })
  const { fence, topic, undoneFence, restores } = publish(enqueued.filter(({ order }) => order !== poisoned), entries, random, () => t++, restore)
  // Records of another producer.
  const stranger: TopicRow = { partition: 0, offset: topic.filter(({ partition }) => partition === 0).length }
  topic.push(stranger)
  topic.sort((a, b) => a.partition - b.partition || a.offset - b.offset)
  const undoneEvents = (restore?.undone ?? []).map((row) => ({ ...row, restore: 1 }))
  const { inbox, effects, views } = consume(topic, new Map([...enqueued, ...undoneEvents].map((row) => [row.event, row])))

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
      inbox,
      effects,
      views,
      effectsCounted: effects.length,
      offsets: Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, offset: topic.filter((row) => row.partition === partition).length })),
      putAside: [{ partition: stranger.partition, offset: stranger.offset }],
      idleInTransaction: 0,
      health: { 'relay-1': 'ready', 'order-consumer': 'ready' },
      restores,
      undoneEvents,
      undoneAnswers,
      undoneFence,
      copies: [],
      copiedEvents: [],
      readers: { records: topic.length, differences: 0, first: [] }
    }
  }
}

interface PlannedRestore {
  /** In the order in which they are committed. */
  events: EnqueuedRow[]
  /** How many events were enqueued when the backup was made. */
  backup: number
  /** What is committed afterwards, and thrown away: orders that do not exist afterwards, and changes that are made once more. */
  undone: EnqueuedRow[]
}

function planRestore (events: readonly EnqueuedRow[], seed: number): PlannedRestore {
  // Orders that are there when the backup is made, and are changed after it.
  const again = events.slice(0, Math.floor(events.length / 4)).filter(({ version }) => version === 2).slice(0, 2)
  const late = ({ order, version }: EnqueuedRow) => version > 1 && again.some((row) => row.order === order)
  const inOrder = [...events.filter((row) => !late(row)), ...events.filter(late)]
  const backup = Math.floor(events.length / 2)
  const first = (inOrder[backup]?.id ?? 0) + 1
  return {
    events: inOrder,
    backup,
    undone: [
      ...again.map(({ order, version }, index) => ({ id: first + index, event: `undone-${seed}-${order}`, order, version, status: 'CANCELLED', hash: `undone ${order}` })),
      ...[1, 2, 3].map((index) => ({ id: first + again.length + index, event: `undone-${seed}-${index}`, order: `undone-${seed}-${index}`, version: 1, status: 'PENDING', hash: `undone ${index}` }))
    ]
  }
}

/** As the consumer does: each event once, and no older version after a newer one. */
function consume (topic: readonly TopicRow[], events: ReadonlyMap<string, EnqueuedRow>): Pick<FinalState, 'inbox' | 'effects' | 'views'> {
  const inbox = new Set<string>()
  const views = new Map<string, OrderRow>()
  const effects: FinalState['effects'][number][] = []
  for (const { event = '' } of topic) {
    const row = events.get(event)
    if (row === undefined || inbox.has(event)) continue
    inbox.add(event)
    const { order, version, status } = row
    if (version <= (views.get(order)?.version ?? 0)) continue
    views.set(order, { order, version, status })
    effects.push({ order, version, event, status })
  }
  return { inbox: [...inbox], effects, views: [...views.values()] }
}

/** Claims, publishes and deletes batches, with a takeover now and then while one is in flight. */
function publish (events: EnqueuedRow[], entries: Entry[], random: Random, tick: () => number, restore?: PlannedRestore) {
  let fence: FenceRow[] = []
  let seq = 0
  const note = (...rows: Array<Omit<FenceRow, 'seq'>>) => { for (const row of rows) fence.push({ seq: ++seq, ...row }) }
  const topic: TopicRow[] = []
  const offsets = Array.from({ length: PARTITIONS }, () => 0)
  let epoch = 0
  let by = ''
  const takeOver = () => {
    epoch++
    by = `relay-${1 + random.below(3)}-life-${epoch}`
    note({ what: 'takeover', by, shard: 0, epoch })
    entries.push({ kind: 'relay', t: tick(), process: by.slice(0, 7), type: 'ok', f: 'takeover', shard: 0, epoch })
  }
  takeOver()
  const backup = restore?.backup ?? Infinity
  const waiting = [...restore?.events ?? events]
  // Two orders' transactions may commit in another order than that of their ids: a neighbour comes first then.
  for (let index = 0; index + 1 < waiting.length; index++) {
    const [first, second] = [waiting[index], waiting[index + 1]]
    if (first !== undefined && second !== undefined && first.order !== second.order && index + 1 !== backup && random.chance(0.1)) [waiting[index], waiting[index + 1]] = [second, first]
  }
  const send = (batch: readonly EnqueuedRow[]) => {
    for (const { event, order, version, hash } of batch) {
      const partition = [...order].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % PARTITIONS
      topic.push({ partition, offset: offsets[partition] ?? 0, event, order, version, hash })
      offsets[partition] = (offsets[partition] ?? 0) + 1
    }
  }
  const undoneFence: FinalState['undoneFence'][number][] = []
  const restores: FinalState['restores'][number][] = []
  /** From the backup on everything is done, thrown away, and begun again from there. */
  const goBack = ({ undone }: PlannedRestore, start: number) => {
    const [kept, fenceSeq, epochThen, byThen] = [fence, seq, epoch, by]
    fence = []
    takeOver()
    for (const batch of [waiting.slice(start, start + 5), undone]) {
      const ids = batch.map(({ id }) => id)
      note({ what: 'claim', by, shard: 0, epoch, ids })
      send(batch)
      note({ what: 'delete', by, ids }, { what: 'complete', by, shard: 0, epoch })
    }
    undoneFence.push(...fence.map((row) => ({ ...row, restore: 1 })))
    restores.push({
      id: 1, at: tick(), fenceSeq, outbox: waiting.slice(start).map(({ event }) => event), ends: offsets.map((offset, partition) => ({ partition, offset }))
    })
    ;[fence, seq, epoch, by] = [kept, fenceSeq, epochThen, byThen]
    takeOver()
    entries.push({ kind: 'relay', t: tick(), process: by.slice(0, 7), type: 'info', f: 'foreign', shard: 0, epoch })
  }
  let start = 0
  while (start < waiting.length) {
    if (restore !== undefined && start === backup && restores.length === 0) goBack(restore, start)
    const batch = waiting.slice(start, Math.min(start + 1 + random.below(MAX_BATCH), start < backup ? backup : Infinity))
    const ids = batch.map(({ id }) => id)
    note({ what: 'claim', by, shard: 0, epoch, ids })
    const fate = random.next()
    if (fate < 0.02) {
      // Crashed before Kafka had it: claimed again by the next.
      takeOver()
      continue
    }
    send(batch)
    // Crashed after Kafka had it: the next one completes it.
    if (fate < 0.04) takeOver()
    note({ what: 'delete', by, ids }, { what: 'complete', by, shard: 0, epoch })
    start += batch.length
  }
  return { fence, topic, undoneFence, restores }
}
