import { faultWindows, Operations, type FaultEntry, type Run, type Verdict } from '../checker/index.ts'

export interface Summary {
  operations: number
  unanswered: number
  refused: number
  events: number
  records: number
  faults: number
  takeovers: number
  lost: number
  duplicates: number
  /** Copies that a restore or a copied database explains. */
  duplicatesExplained: number
  restores: number
  outOfOrder: number
  /** Records that the consumer had seen before. */
  consumerDuplicates: number
  recoveredAfterMs: number | undefined
}

/** The figures of a run. */
export function summarise ({ entries, final, description }: Run, verdicts: readonly Verdict[]): Summary {
  const operations = new Operations()
  const faults: FaultEntry[] = []
  let [takeovers, consumerDuplicates] = [0, 0]
  for (const entry of entries) {
    if (entry.kind === 'client') operations.add(entry)
    else if (entry.kind === 'fault') faults.push(entry)
    else if (entry.kind === 'relay' && entry.f === 'takeover') takeovers++
    else if (entry.kind === 'consumer') consumerDuplicates += entry.duplicates
  }
  const windows = faultWindows(faults)
  const healedAt = windows.reduce((latest, { to }) => Math.max(latest, to), 0)
  const all = operations.all
  const broken = (id: string) => verdicts.find(({ invariant }) => invariant === id)?.violations ?? 0
  const explained = (id: string) => verdicts.find(({ invariant }) => invariant === id)?.explained ?? 0
  const events = new Set(final.topic.flatMap(({ event }) => event ?? []))
  return {
    operations: all.length,
    unanswered: all.filter(({ outcome }) => outcome === 'info').length,
    refused: all.filter(({ outcome }) => outcome === 'fail').length,
    events: final.enqueued.length,
    records: final.topic.length,
    faults: windows.length,
    takeovers,
    lost: broken('I3'),
    duplicates: final.topic.filter(({ event }) => event !== undefined).length - events.size - explained('I8'),
    duplicatesExplained: explained('I8'),
    restores: final.restores.length,
    outOfOrder: broken('I7'),
    consumerDuplicates,
    recoveredAfterMs: description.recoveredAt === undefined ? undefined : Math.max(0, description.recoveredAt - healedAt)
  }
}

export function summaryLine (summary: Summary): string {
  const { operations, unanswered, events, faults, takeovers, lost, duplicates, duplicatesExplained, outOfOrder, recoveredAfterMs } = summary
  const recovered = recoveredAfterMs === undefined ? 'did not recover' : `recovered ${(recoveredAfterMs / 1_000).toFixed(1)} s after the last fault`
  return `${operations} operations (${unanswered} unanswered), ${events} events, ${faults} faults, ${takeovers} takeovers: lost ${lost}, duplicates ${duplicates}${duplicatesExplained === 0 ? '' : ` (and ${duplicatesExplained} that a restore or a copy explains)`}, out of order ${outOfOrder}; ${recovered}`
}
