import type { Failure, TestFile } from './tap-reading.ts'

const SLOWEST = 8
const SLOW_SECONDS = 10

/** The failures with their reasons, for readers of the last lines only. The last line is the count. */
export function summary (failures: readonly Failure[], files: readonly TestFile[], counts: { passed: number, failed: number }): string {
  const slow = files.filter(({ seconds }) => seconds >= SLOW_SECONDS).sort((a, b) => b.seconds - a.seconds).slice(0, SLOWEST)
  return [
    ...slow.length === 0 ? [] : ['', 'slowest files:', ...slow.map(({ name, seconds }) => `  ${seconds.toFixed(0).padStart(4)} s  ${name}`)],
    ...failures.flatMap(({ title, details }) => ['', `FAILED ${title}`, ...details.map((line) => `  ${line}`)]),
    '',
    `${counts.passed} passed, ${counts.failed} failed`
  ].join('\n')
}
