import type { FenceRow } from '../final-state.ts'
import type { Invariant } from '../invariant.ts'
import type { Ledger } from '../ledger.ts'
import { timelinesOf } from '../timelines.ts'

/**
 * Two leaders may believe in themselves at the same time; they must not both publish. Checked without a clock:
 * in each partition, the terms that published a shard's events follow each other.
 *
 * An event that is in the topic more than once was published in more than one term: I8 checks that.
 */
export const oneAtATime: Invariant = {
  id: 'I11',
  title: 'once a successor has published, its predecessor publishes nothing',
  check (ledger, findings) {
    const { firstCopies, laterCopies, final } = ledger
    const termOf = termsOf(ledger)
    const again = new Set(laterCopies.map(({ event }) => event))
    // A copied database has terms of its own.
    const twoDatabases = new Set(final.copies.flatMap(({ outbox }) => outbox))
    const newest = new Map<string, Term>()
    for (const [event, { partition, offset }] of firstCopies) {
      const term = again.has(event) || twoDatabases.has(event) ? undefined : termOf(event)
      if (term === undefined) continue
      const place = `${term.shard}/${partition}`
      const before = newest.get(place)
      const follows = before === undefined || !precedes(term, before)
      findings.expect(follows, () => ({ problem: 'published by a predecessor', event, partition, offset, term, before }))
      if (follows) newest.set(place, term)
    }
  }
}

interface Term {
  shard: number
  epoch: number
  /** How many restores were before it: an epoch that was thrown away is given again. */
  restores: number
}

function precedes (one: Term, other: Term): boolean {
  return one.restores < other.restores || (one.restores === other.restores && one.epoch < other.epoch)
}

/** In which term each event was published, by the record of the database that it was in. */
function termsOf ({ final, enqueued, undone }: Ledger): (event: string) => Term | undefined {
  const ends = final.restores.map(({ fenceSeq }) => fenceSeq)
  const restoresBefore = ({ seq }: FenceRow) => ends.filter((end) => seq > end).length
  const timelines = new Map(timelinesOf(final).map(({ rows, restore }) => {
    const index = restore === undefined ? ends.length : final.restores.findIndex(({ id }) => id === restore)
    return [restore, termsById(rows, (row) => Math.min(restoresBefore(row), index))]
  }))
  return (event) => {
    const stored = undone.get(event) ?? enqueued.get(event)
    return stored === undefined ? undefined : timelines.get(undone.get(event)?.restore)?.get(stored.id)
  }
}

/** In which term each id was published: that of its last claim, or without claims that of its deletion. */
function termsById (fence: readonly FenceRow[], restoresBefore: (row: FenceRow) => number): Map<number, Term> {
  const terms = new Map<number, Term>()
  const claimed = new Set<number>()
  const newest = new Map<string, Term>()
  for (const row of fence) {
    const { what, by, shard, epoch = 0, ids = [] } = row
    const own = shard === undefined ? undefined : { shard, epoch, restores: restoresBefore(row) }
    if (what === 'takeover' && own !== undefined) newest.set(by, own)
    const term = own ?? newest.get(by)
    if (term === undefined || (what !== 'claim' && what !== 'delete')) continue
    for (const id of ids) {
      if (what === 'claim') claimed.add(id)
      if (what === 'claim' || !claimed.has(id)) terms.set(id, term)
    }
  }
  return terms
}
