import type { Verdict } from '../checker/verdict.ts'

/** The verdicts as a table for a terminal, with examples of each violation. */
export function verdictTable (verdicts: readonly Verdict[]): string {
  const lines: string[] = []
  for (const verdict of verdicts) {
    lines.push(`  ${verdict.invariant.padEnd(4)} ${verdict.title.padEnd(100)} ${resultText(verdict)}`)
    for (const example of verdict.examples) lines.push(`         ${JSON.stringify(example)}`)
  }
  return lines.join('\n')
}

export function resultText ({ result, checked, violations, explained }: Verdict): string {
  const besides = explained === 0 ? '' : `, ${explained} explained by a restore or a copy`
  switch (result) {
    case 'holds': return `holds, ${checked} checked${besides}`
    case 'broken': return `BROKEN ${violations} of ${checked}${besides}`
    case 'not checked': return 'NOT CHECKED: the run had nothing to check'
  }
}

const PROMISES = [
  ['acknowledged changes lost by the database', 'I1'],
  ['events lost', 'I3'],
  ['duplicates', 'I8'],
  ['not committed, or thrown away', 'I4'],
  ['out of order', 'I7']
] as const

/** The counts that matter most: lost, duplicated, out of order, and how many a restore or a copied database explains. */
export function promiseTable (verdicts: readonly Verdict[]): string {
  const row = (name: string, broken: string, explained: string) => `  ${name.padEnd(44)}${broken.padStart(12)}${explained.padStart(36)}`
  return [
    row('', 'unexplained', 'explained by a restore or a copy'),
    ...PROMISES.map(([name, id]) => {
      const verdict = verdicts.find(({ invariant }) => invariant === id)
      return row(name, String(verdict?.violations ?? '-'), String(verdict?.explained ?? '-'))
    })
  ].join('\n')
}
