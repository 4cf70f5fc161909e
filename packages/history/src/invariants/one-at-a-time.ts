import type { FenceRow } from '../final-state.ts'
import type { Invariant } from '../invariant.ts'

/**
 * Two leaders may believe in themselves at the same time; what must not be is that both publish. Judged without any clock:
 * in each partition, the terms that published a shard's events follow each other.
 */
export const oneAtATime: Invariant = {
  id: 'I11',
  title: 'once a successor has published, its predecessor publishes nothing',
  check ({ final, enqueued, firstCopies }, findings) {
    const terms = termsOf(final.fence)
    const newest = new Map<string, number>()
    for (const [event, { partition, offset }] of firstCopies) {
      const id = enqueued.get(event)?.id
      const term = id === undefined ? undefined : terms.get(id)
      if (term === undefined) continue
      const place = `${term.shard}/${partition}`
      const before = newest.get(place) ?? 0
      findings.expect(term.epoch >= before, () => ({ problem: 'published by a predecessor', event, partition, offset, epoch: term.epoch, before }))
      newest.set(place, Math.max(before, term.epoch))
    }
  }
}

interface Term {
  shard: number
  epoch: number
}

/** In which term each event was published: that of its last claim, or without claims that of its deletion. */
function termsOf (fence: readonly FenceRow[]): Map<number, Term> {
  const terms = new Map<number, Term>()
  const claimed = new Set<number>()
  const newest = new Map<string, Term>()
  for (const { what, by, shard, epoch = 0, ids = [] } of fence) {
    const own = shard === undefined ? undefined : { shard, epoch }
    if (what === 'take-over' && own !== undefined) newest.set(by, own)
    const term = own ?? newest.get(by)
    if (term === undefined || (what !== 'claim' && what !== 'delete')) continue
    for (const id of ids) {
      if (what === 'claim') claimed.add(id)
      if (what === 'claim' || !claimed.has(id)) terms.set(id, term)
    }
  }
  return terms
}
