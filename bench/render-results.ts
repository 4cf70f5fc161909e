import { median } from './measure/percentiles.ts'
import type { Result, ResultCase, ResultFigure } from './result.ts'
import type { Goal } from './scenario.ts'
import { SCENARIOS } from './scenarios.ts'

const BEGIN = '<!-- results: npm run bench -- --record -->'
const END = '<!-- end of results -->'

/**
 * Puts the tables of the results into a document, between its markers.
 *
 * @throws Error when it has none
 */
export function withResults (document: string, results: ReadonlyMap<string, Result>): string {
  const [from, to] = [document.indexOf(BEGIN), document.indexOf(END)]
  if (from === -1 || to < from) throw new Error(`expected the markers ${BEGIN} and ${END}, found none`)
  return `${document.slice(0, from)}${BEGIN}\n\n${renderResults(results)}\n${document.slice(to)}`
}

function renderResults (results: ReadonlyMap<string, Result>): string {
  return Object.entries(SCENARIOS).map(([name, { title, method }]) => {
    const result = results.get(name)
    return `### ${title}\n\n${method}\n\n${result === undefined ? 'Not recorded yet.\n' : `${renderResult(result)}\n`}`
  }).join('\n')
}

/** One line for each case, one column for each figure. */
export function renderResult ({ cases, date, machine, versions }: Result): string {
  const columns = [...new Set(cases.flatMap(({ figures }) => figures.map(({ name }) => name)))]
  const lines = [
    ['', ...columns.map((column) => heading(column, cases))],
    ['---', ...columns.map(() => '---:')],
    ...cases.map(({ name, figures }) => [name, ...columns.map((column) => cell(figures.find((figure) => figure.name === column)))])
  ]
  const servers = Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(', ')
  return [
    ...lines.map((cells) => `| ${cells.join(' | ')} |`),
    '',
    `${date.slice(0, 10)}, ${machine.cores} cores (${machine.cpu.trim()}) shared by everything, ${machine.memoryGigabytes} GB, ${machine.system}; ${servers}.`
  ].join('\n')
}

/** Each figure against its goal, a line each; for the terminal. */
export function renderGoals ({ cases }: Result): string[] {
  return cases.flatMap(({ name, figures }) => figures.filter(({ goal }) => goal !== undefined).map((figure) =>
    `${isReached(figure) ? 'reached' : 'MISSED '}  ${name}: ${figure.name} ${show(median(figure.values))} ${figure.unit} (goal ${showGoal(figure.goal)})`))
}

function heading (column: string, cases: readonly ResultCase[]): string {
  const unit = cases.flatMap(({ figures }) => figures).find(({ name }) => name === column)?.unit
  return `${column}, ${unit}`
}

function cell (figure: ResultFigure | undefined): string {
  if (figure === undefined) return ''
  const { values, goal } = figure
  const range = values.length === 1 ? '' : ` (${show(Math.min(...values))}–${show(Math.max(...values))})`
  const comparison = goal === undefined ? '' : `, goal ${showGoal(goal)}${isReached(figure) ? '' : ' **missed**'}`
  return `${show(median(values))}${range}${comparison}`
}

function isReached ({ values, goal }: ResultFigure): boolean {
  if (goal === undefined) return true
  // For failures, the worst run counts.
  const value = 'atMost' in goal && goal.atMost === 0 ? Math.max(...values) : median(values)
  return 'atLeast' in goal ? value >= goal.atLeast : value <= goal.atMost
}

function showGoal (goal: Goal | undefined): string {
  if (goal === undefined) return 'none'
  return 'atLeast' in goal ? `≥ ${show(goal.atLeast)}` : `≤ ${show(goal.atMost)}`
}

function show (value: number): string {
  const digits = value === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2
  return value.toLocaleString('en', { maximumFractionDigits: digits })
}
