import type { Invariant } from '../invariant.ts'

export const partitionStability: Invariant = {
  id: 'I6',
  title: 'all events of an order are in one partition',
  check ({ final }, findings) {
    const partitions = new Map<string, number>()
    for (const { order, partition, offset } of final.topic) {
      if (order === undefined) continue
      const first = partitions.get(order)
      if (first === undefined) partitions.set(order, partition)
      findings.expect(first === undefined || first === partition, () => ({
        problem: 'in another partition than before', order, partition, offset, before: first
      }))
    }
  }
}
