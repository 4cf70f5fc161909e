// `make chaos`: the whole system under load and faults, and a verdict.
import { broken, unchecked } from '../../checker/index.ts'
import { MissingToolError } from '../../servers/index.ts'
import { again, parseChaosOptions, USAGE, type ChaosOptions } from '../options.ts'
import { runChaos } from '../run.ts'
import { summarise, summaryLine } from '../../report/summary.ts'
import { promiseTable, verdictTable } from '../../report/verdict-table.ts'

function optionsOrExit (): ChaosOptions {
  try {
    return parseChaosOptions(process.env)
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    process.exit(2)
  }
}

const options = optionsOrExit()
const interrupt = new AbortController()
// The first Ctrl-C ends the faults and judges what there is; the second one gives everything up.
process.on('SIGINT', () => {
  if (interrupt.signal.aborted) process.exit(130)
  interrupt.abort()
})
try {
  const { run, verdicts } = await runChaos(options, interrupt.signal)
  console.log(`\n${verdictTable(verdicts)}\n\n${promiseTable(verdicts)}\n\n${summaryLine(summarise(run, verdicts))}`)
  const open = unchecked(verdicts)
  if (open.length > 0) console.log(`NOT CHECKED, for there was nothing to look at: ${open.join(', ')}`)
  console.log(`report: ${options.folder}/report.html; again: ${again(options)}; judge again: npm run check -- ${options.folder}`)
  // A run with faults of every kind that gave an invariant nothing to look at is no proof of it.
  process.exitCode = broken(verdicts).length === 0 && (open.length === 0 || options.fault !== undefined) ? 0 : 1
} catch (error) {
  console.error(error instanceof MissingToolError ? error.message : error)
  process.exitCode = 1
}
