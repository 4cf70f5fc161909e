import type { Invariant } from '../invariant.ts'

/**
 * The order of first copies counts: a reader that knows an event skips a later copy of it. A restore throws versions away that
 * were published, and they are given once more: what exists now has to be in order, and so has what was thrown away.
 */
export const order: Invariant = {
  id: 'I7',
  title: 'the events of an order are in the order of their versions',
  check ({ final, firstCopies, description, undone, undoneOrders }, findings) {
    const skipped = new Set(description.refused === 'skip' ? final.deadLetters.map(({ order, version }) => `${order}/${version}`) : [])
    const newest = new Map<string, number>()
    const seen = new Map<string, Set<number>>()
    for (const { order, version, partition, offset, event } of firstCopies.values()) {
      if (order === undefined || version === undefined || event === undefined) continue
      if (undoneOrders.has(order)) {
        const versions = seen.get(order) ?? new Set()
        seen.set(order, versions)
        if (undone.has(event)) {
          findings.expect(version === 1 || versions.has(version - 1), () => ({ problem: 'out of order, before it was undone', order, version, partition, offset, event }))
          versions.add(version)
          continue
        }
        if (versions.has(version)) findings.explained++
        versions.add(version)
      }
      const before = newest.get(order) ?? 0
      let expected = before + 1
      while (skipped.has(`${order}/${expected}`) && expected !== version) expected++
      findings.expect(version === expected, () => ({ problem: 'out of order', order, version, expected, partition, offset, event }))
      newest.set(order, Math.max(before, version))
    }
  }
}
