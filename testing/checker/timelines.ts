import type { FenceRow, FinalState } from './final-state.ts'

/** The record of who changed the outbox as one database had it, from the first row to its last. */
export interface Timeline {
  rows: readonly FenceRow[]
  /** Rows up to this number stand in an earlier timeline too. */
  from: number
  /** Which restore threw it away; undefined: it is the one that lasted. */
  restore: number | undefined
}

/**
 * Each restore cuts the record off at its backup and lets it grow anew: there is one record for each restore, and the last one.
 * A backup's record is what the last one has up to the backup's last row.
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
