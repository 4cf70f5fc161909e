import type { RelayEntry } from '../entry.ts'
import type { CopyRow, FenceRow, TopicRow } from '../final-state.ts'
import type { Invariant } from '../invariant.ts'
import type { Ledger } from '../ledger.ts'
import { hasCause } from '../foreign.ts'

export const boundedDuplicates: Invariant = {
  id: 'I8',
  title: 'duplicates: none when exactly once, else no more than the failures explain',
  check (ledger, findings) {
    const { description, firstCopies, laterCopies, relay } = ledger
    findings.checked = firstCopies.size
    const uncertain = relay.filter(({ f, type }) => f === 'publish' && type === 'info').length
    // The first takeover finds nothing in flight.
    const takeovers = Math.max(0, relay.filter(({ f }) => f === 'takeover').length - 1)
    const allowed = description.delivery === 'exactly-once' ? 0 : (uncertain + takeovers) * description.batchEvents
    const explained = laterCopies.length === 0 ? () => false : explanations(ledger)
    const left = laterCopies.filter((row) => !explained(row))
    findings.explained = laterCopies.length - left.length
    if (left.length <= allowed) return
    for (const row of left) findings.violation({ problem: 'a duplicate', allowed, found: left.length, first: firstCopies.get(row.event ?? ''), again: row })
  }
}

/**
 * What may be in the topic once more, and how often. Each of these explains one further copy of an event:
 *
 * - a restore that brought the event back into the outbox, for a copy behind the end that the topic had while Postgres was away;
 * - a copy of the database that was made with the event in its outbox: there are two copies then;
 * - a takeover beside such a copy that found the other's position in Kafka: it cannot know whether the batch that was in flight is in the topic.
 *
 * @returns takes one of them for a later copy, if there is any
 */
function explanations (ledger: Ledger): (row: TopicRow) => boolean {
  const { final, copied } = ledger
  const restores = final.restores.map(({ outbox, ends }) => ({ left: new Set(outbox), ends: new Map(ends.map(({ partition, offset }) => [partition, offset])) }))
  const others = [...final.copies.map(({ outbox }) => new Set(outbox)), ...batchesInDoubt(ledger)]
  return ({ event = '', partition, offset }) => {
    // Two databases with one name on one topic: only losses are checked.
    if (copied.has(event)) return true
    return restores.some(({ left, ends }) => offset >= (ends.get(partition) ?? 0) && left.delete(event)) || others.some((events) => events.delete(event))
  }
}

/** By takeover that found a foreign position, the events that were claimed and not completed then. */
function batchesInDoubt ({ relay, final, enqueued }: Ledger): Array<Set<string>> {
  const epochs = foreignEpochs(relay, final.copies)
  if (epochs.size === 0) return []
  const events = new Map([...enqueued.values()].map(({ id, event }) => [id, event]))
  const inFlight = new Map<number, Set<number>>()
  return final.fence.flatMap((row: FenceRow) => {
    const { what, shard = 0, epoch = 0, ids = [] } = row
    const outstanding = inFlight.get(shard) ?? new Set()
    inFlight.set(shard, outstanding)
    if (what === 'claim') for (const id of ids) outstanding.add(id)
    if (what === 'delete') for (const other of inFlight.values()) for (const id of ids) other.delete(id)
    if (what !== 'takeover' || !epochs.has(`${shard}/${epoch}`)) return []
    return [new Set([...outstanding].flatMap((id) => events.get(id) ?? []))]
  })
}

/** The takeovers beside a copied database that found its position, as `shard/epoch`. */
function foreignEpochs (relay: readonly RelayEntry[], copies: readonly CopyRow[]): Set<string> {
  const epochs = new Set<string>()
  for (const [index, { f, t, shard = 0, epoch }] of relay.entries()) {
    if (f !== 'foreign' || !hasCause(t, [], copies)) continue
    // From the last one that was logged to the next: one that failed after it had looked was not logged.
    const isOther = (entry: RelayEntry) => entry.f === 'takeover' && (entry.shard ?? 0) === shard
    const before = relay.slice(0, index).findLast(isOther)?.epoch ?? 0
    const after = epoch ?? relay.slice(index).find(isOther)?.epoch ?? before
    for (let candidate = epoch ?? before + 1; candidate <= after; candidate++) epochs.add(`${shard}/${candidate}`)
  }
  return epochs
}
