// `npm run check -- DIR`: checks a stored run again, from its history and its final state alone.
import { broken, check, loadRun, unchecked } from '../../checker/index.ts'
import { promiseTable, verdictTable } from '../../report/verdict-table.ts'

const [folder, ...rest] = process.argv.slice(2)
if (folder === undefined || rest.length > 0) {
  console.error('npm run check -- DIR, where DIR holds run.json, history/ and final/ of a run')
  process.exit(2)
}
const run = await loadRun(folder)
const verdicts = check(run)
console.log(`seed ${run.description.seed}, ${run.description.delivery}, begun ${run.description.startedAt}, ${Math.round(run.description.durationMs / 1_000)} s`)
console.log(`${verdictTable(verdicts)}\n\n${promiseTable(verdicts)}`)
if (unchecked(verdicts).length > 0) console.log(`NOT CHECKED, the run had nothing to check: ${unchecked(verdicts).join(', ')}`)
process.exitCode = broken(verdicts).length === 0 ? 0 : 1
