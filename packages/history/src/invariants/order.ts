import type { Invariant } from '../invariant.ts'

/** The order of first copies counts: a reader that knows an event skips a later copy of it. */
export const order: Invariant = {
  id: 'I7',
  title: 'the events of an order are in the order of their versions',
  check ({ final, firstCopies, description }, findings) {
    const skipped = new Set(description.refused === 'skip' ? final.deadLetters.map(({ order, version }) => `${order}/${version}`) : [])
    const newest = new Map<string, number>()
    for (const { order, version, partition, offset, event } of firstCopies.values()) {
      if (order === undefined || version === undefined) continue
      const before = newest.get(order) ?? 0
      let expected = before + 1
      while (skipped.has(`${order}/${expected}`) && expected !== version) expected++
      findings.expect(version === expected, () => ({ problem: 'out of order', order, version, expected, partition, offset, event }))
      newest.set(order, Math.max(before, version))
    }
  }
}
