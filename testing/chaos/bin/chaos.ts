// `make chaos`: runs the whole system under load and faults, and checks the invariants.
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
// The first Ctrl-C ends the faults and checks what was recorded; the second one exits at once.
process.on('SIGINT', () => {
  if (interrupt.signal.aborted) process.exit(130)
  interrupt.abort()
})
try {
  const { run, verdicts } = await runChaos(options, interrupt.signal)
  console.log(`\n${verdictTable(verdicts)}\n\n${promiseTable(verdicts)}\n\n${summaryLine(summarise(run, verdicts))}`)
  const open = unchecked(verdicts)
  if (open.length > 0) console.log(`NOT CHECKED, the run had nothing to check: ${open.join(', ')}`)
  console.log(`report: ${options.folder}/report.html; again: ${again(options)}; check again: npm run check -- ${options.folder}`)
  // In a run with all faults, an invariant that had nothing to check was not tested: that is a failure.
  process.exitCode = broken(verdicts).length === 0 && (open.length === 0 || options.fault !== undefined) ? 0 : 1
} catch (error) {
  console.error(error instanceof MissingToolError ? error.message : error)
  process.exitCode = 1
}
