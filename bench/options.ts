import { parseArgs } from 'node:util'
import { SCENARIOS } from './scenarios.ts'

export interface BenchOptions {
  /** Names of scenarios, in order. */
  scenarios: string[]
  quick: boolean
  /** Each scenario so many times; tables show the median. */
  repeat: number
  /** Write the results to bench/results, where they are committed, and not to bench/results/local. */
  record: boolean
}

export const USAGE = `npm run bench -- [SCENARIO...] [options]
  SCENARIO     ${Object.keys(SCENARIOS).join(', ')}; all of them if none is named
  --quick      small and short, to see whether everything works
  --repeat N   measure N times; the tables show the median (default 1)
  --record     keep the results in bench/results and write them into docs/performance.md`

/** @throws Error for anything that it does not know */
export function parseOptions (args: string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      repeat: { type: 'string', default: '1' },
      record: { type: 'boolean', default: false }
    }
  })
  const unknown = positionals.find((name) => !(name in SCENARIOS))
  if (unknown !== undefined) throw new Error(`expected one of ${Object.keys(SCENARIOS).join(', ')}, found ${JSON.stringify(unknown)}`)
  if (!/^[1-9]\d?$/.test(values.repeat)) throw new Error(`--repeat expects a number from 1 to 99, found ${JSON.stringify(values.repeat)}`)
  if (values.quick && values.record) throw new Error('--record expects a full run, found --quick')
  return {
    scenarios: positionals.length === 0 ? Object.keys(SCENARIOS) : positionals,
    quick: values.quick,
    repeat: Number(values.repeat),
    record: values.record
  }
}
