import type { Verdict } from './verdict.ts'

/** The verdicts as a table for a terminal, with what shows each violation. */
export function verdictTable (verdicts: readonly Verdict[]): string {
  const lines: string[] = []
  for (const { invariant, title, holds, checked, violations, examples } of verdicts) {
    const result = holds ? (checked === 0 ? 'nothing to check' : `holds, ${checked} checked`) : `BROKEN ${violations} of ${checked}`
    lines.push(`  ${invariant.padEnd(4)} ${title.padEnd(88)} ${result}`)
    for (const example of examples) lines.push(`         ${JSON.stringify(example)}`)
  }
  return lines.join('\n')
}
