import type { Invariant } from '../invariant.ts'

export const boundedDuplicates: Invariant = {
  id: 'I8',
  title: 'duplicates: none when exactly once, else no more than the failures explain',
  check ({ description, firstCopies, laterCopies, relay }, findings) {
    findings.checked = firstCopies.size
    const uncertain = relay.filter(({ f, type }) => f === 'publish' && type === 'info').length
    // The first take-over finds nothing in flight.
    const takeOvers = Math.max(0, relay.filter(({ f }) => f === 'take-over').length - 1)
    const allowed = description.delivery === 'exactly-once' ? 0 : (uncertain + takeOvers) * description.batchEvents
    if (laterCopies.length <= allowed) return
    for (const row of laterCopies) findings.violation({ problem: 'a duplicate', allowed, found: laterCopies.length, first: firstCopies.get(row.event ?? ''), again: row })
  }
}
