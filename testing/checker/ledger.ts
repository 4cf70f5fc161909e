import type { ConsumerEntry, FaultEntry, ProcessEntry, RelayEntry, SampleEntry } from './entry.ts'
import { faultWindows, type FaultWindow } from './fault-windows.ts'
import type { AnswerRow, EnqueuedRow, FinalState, OrderRow, TopicRow, UndoneEventRow } from './final-state.ts'
import { Operations, type Operation } from './operation.ts'
import type { Run, RunDescription } from './run.ts'

const NOTHING: readonly EnqueuedRow[] = []
const NONE: readonly AnswerRow[] = []

/** A run, indexed once for all invariants. */
export class Ledger {
  readonly description: RunDescription
  readonly final: FinalState
  readonly operations: readonly Operation[]
  readonly relay: readonly RelayEntry[]
  readonly consumer: readonly ConsumerEntry[]
  readonly faults: readonly FaultWindow[]
  readonly samples: readonly SampleEntry[]
  readonly processes: readonly ProcessEntry[]
  readonly orders: ReadonlyMap<string, OrderRow>
  readonly enqueued: ReadonlyMap<string, EnqueuedRow>
  /** Events that a restore threw away: they need not arrive, but they may be in the topic. */
  readonly undone: ReadonlyMap<string, UndoneEventRow>
  /** Orders that have such events: their versions were used twice. */
  readonly undoneOrders: ReadonlySet<string>
  /** Events of a copied database. */
  readonly copied: ReadonlyMap<string, EnqueuedRow>
  readonly answers: ReadonlyMap<string, AnswerRow>
  /** The first copy of each event, in the order of the topic. */
  readonly firstCopies: ReadonlyMap<string, TopicRow>
  /** Records that are not the first copy of their event. */
  readonly laterCopies: readonly TopicRow[]
  readonly inbox: ReadonlySet<string>
  readonly #byOrder = new Map<string, EnqueuedRow[]>()
  readonly #undoneAnswers = new Map<string, AnswerRow[]>()
  readonly #letters: ReadonlySet<string>
  readonly #putAside = new Map<number, Set<number>>()
  readonly #blockedFrom: ReadonlyMap<string, number>

  constructor ({ description, entries, final }: Run) {
    this.description = description
    this.final = final
    const operations = new Operations()
    const [relay, consumer, faults, samples, processes]: [RelayEntry[], ConsumerEntry[], FaultEntry[], SampleEntry[], ProcessEntry[]] = [[], [], [], [], []]
    for (const entry of entries) {
      switch (entry.kind) {
        case 'client': operations.add(entry); break
        case 'relay': relay.push(entry); break
        case 'consumer': consumer.push(entry); break
        case 'fault': faults.push(entry); break
        case 'sample': samples.push(entry); break
        case 'process': processes.push(entry); break
      }
    }
    this.operations = operations.all
    this.relay = relay
    this.consumer = consumer
    this.faults = faultWindows(faults)
    this.samples = samples
    this.processes = processes
    this.orders = new Map(final.orders.map((row) => [row.order, row]))
    this.enqueued = new Map(final.enqueued.map((row) => [row.event, row]))
    this.undone = new Map(final.undoneEvents.map((row) => [row.event, row]))
    this.undoneOrders = new Set(final.undoneEvents.map(({ order }) => order))
    this.copied = new Map(final.copiedEvents.map((row) => [row.event, row]))
    this.answers = new Map(final.answers.map((row) => [row.key, row]))
    for (const row of final.undoneAnswers) {
      const rows = this.#undoneAnswers.get(row.key)
      if (rows === undefined) this.#undoneAnswers.set(row.key, [row])
      else rows.push(row)
    }
    this.#letters = new Set(final.deadLetters.filter(({ replayed }) => !replayed).map(({ event }) => event))
    for (const row of final.enqueued) {
      const rows = this.#byOrder.get(row.order)
      if (rows === undefined) this.#byOrder.set(row.order, [row])
      else rows.push(row)
    }
    for (const rows of this.#byOrder.values()) rows.sort((a, b) => a.version - b.version)
    const firstCopies = new Map<string, TopicRow>()
    const laterCopies: TopicRow[] = []
    for (const row of final.topic) {
      if (row.event === undefined) continue
      if (firstCopies.has(row.event)) laterCopies.push(row)
      else firstCopies.set(row.event, row)
    }
    this.firstCopies = firstCopies
    this.laterCopies = laterCopies
    this.inbox = new Set(final.inbox)
    for (const { partition, offset } of final.putAside) {
      const offsets = this.#putAside.get(partition)
      if (offsets === undefined) this.#putAside.set(partition, new Set([offset]))
      else offsets.add(offset)
    }
    this.#blockedFrom = blockedFrom(final)
  }

  /** What was enqueued for an order, by version. */
  eventsOf (order: string): readonly EnqueuedRow[] {
    return this.#byOrder.get(order) ?? NOTHING
  }

  /** The event as it was committed: in this database, in one that a restore replaced, or in a copied one. */
  committed (event: string): EnqueuedRow | undefined {
    return this.enqueued.get(event) ?? this.undone.get(event) ?? this.copied.get(event)
  }

  /** The answers under this key that a restore threw away. */
  undoneAnswers (key: string | undefined): readonly AnswerRow[] {
    return (key === undefined ? undefined : this.#undoneAnswers.get(key)) ?? NONE
  }

  /** Whether a restore threw away the answer that the request got. */
  isUndone ({ key, order, version }: Pick<Operation, 'key' | 'order' | 'version'>): boolean {
    const stored = key === undefined ? undefined : this.answers.get(key)
    if (stored !== undefined && stored.order === order && stored.version === version) return false
    return this.undoneAnswers(key).some((answer) => answer.order === order && answer.version === version)
  }

  get ordersWithEvents (): Iterable<string> {
    return this.#byOrder.keys()
  }

  /** Whether the consumer put this record on its dead-letter topic. */
  isPutAside ({ partition, offset }: TopicRow): boolean {
    return this.#putAside.get(partition)?.has(offset) === true
  }

  /** Whether the event is a dead letter of the relay, or waits behind one. */
  isHeldBack ({ order, version, event }: { order: string, version: number, event: string }): boolean {
    if (this.final.deadLetters.length === 0) return false
    return version > (this.#blockedFrom.get(order) ?? Infinity) || this.#letters.has(event)
  }
}

/** The version from which on an order's events wait behind a dead letter. */
function blockedFrom ({ deadLetters }: FinalState): Map<string, number> {
  const versions = new Map<string, number>()
  for (const { order, version, blocking, replayed } of deadLetters) {
    if (blocking && !replayed) versions.set(order, Math.min(version, versions.get(order) ?? Infinity))
  }
  return versions
}
