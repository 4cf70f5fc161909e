import type { FenceRow, FinalState } from './final-state.ts'

/** The audit of the outbox as one database had it, from the first row to the last. */
export interface Timeline {
  rows: readonly FenceRow[]
  /** Rows up to this number are in an earlier timeline too. */
  from: number
  /** Which restore threw it away; undefined: the final timeline. */
  restore: number | undefined
}

/**
 * Each restore cuts the audit off at its backup, and it grows anew from there: one timeline for each restore, and the final one.
 * The final one holds a backup's audit, up to the backup's last row.
 */
export function timelinesOf ({ fence, undoneFence, restores }: Pick<FinalState, 'fence' | 'undoneFence' | 'restores'>): Timeline[] {
  let from = -Infinity
  const undone = restores.map(({ id, fenceSeq }): Timeline => {
    const rows = [...fence.filter(({ seq }) => seq <= fenceSeq), ...undoneFence.filter(({ restore }) => restore === id)]
    const timeline = { rows, from, restore: id }
    from = fenceSeq
    return timeline
  })
  return [...undone, { rows: fence, from, restore: undefined }]
}
