import type { FenceRow } from '../final-state.ts'
import type { Invariant } from '../invariant.ts'
import { timelinesOf } from '../timelines.ts'
import type { Findings } from '../verdict.ts'

interface Held {
  by: string
  epoch: number
}

export const fence: Invariant = {
  id: 'I10',
  title: 'only the newest epoch changes the outbox',
  check ({ final }, findings) {
    for (const { rows, from } of timelinesOf(final)) checkTimeline(rows, from, findings)
  }
}

/** @param from the rows up to this one were checked already */
function checkTimeline (rows: readonly FenceRow[], from: number, findings: Findings): void {
  const held = new Map<number, Held>()
  const shards = new Map<number, number>()
  for (const row of rows) {
    const { seq, what, by, shard = 0, epoch = 0, ids = [] } = row
    if (what === 'takeover') {
      const before = held.get(shard)?.epoch ?? 0
      if (seq > from) findings.expect(epoch === before + 1, () => ({ problem: 'a takeover has to raise the epoch by one', ...row, before }))
      held.set(shard, { by, epoch })
      continue
    }
    if (what === 'claim') for (const id of ids) shards.set(id, shard)
    if (seq <= from) continue
    const free = what === 'delete' && row.shard === undefined
    const holders = free ? holdersOf(row, held, shards) : [held.get(shard)]
    findings.expect(holders.every((holder) => holder?.by === by && (free || holder.epoch === epoch)), () => ({
      problem: 'done by a fenced relay', ...row, ids: ids.slice(0, 10), holders
    }))
  }
}

/** Of a delete that names no shard: those of its claims, and without claims it has to be the holder of any. */
function holdersOf ({ by, ids = [] }: FenceRow, held: ReadonlyMap<number, Held>, shards: ReadonlyMap<number, number>): Array<Held | undefined> {
  const claimed = new Set(ids.map((id) => shards.get(id)).filter((shard) => shard !== undefined))
  if (claimed.size > 0) return [...claimed].map((shard) => held.get(shard))
  const any = [...held.values()]
  return [any.find((holder) => holder.by === by) ?? any[0]]
}
