import t from 'tap'
import { check } from '../../checker/index.ts'
import { cleanRun } from '../../checker/test/generator.ts'
import { promiseTable, verdictTable } from '../verdict-table.ts'

t.test('an invariant with nothing to check says so', async (t) => {
  const run = cleanRun({ seed: 1, orders: 10 })
  const verdicts = check({ ...run, entries: [], final: { ...run.final, enqueued: [], copiedEvents: [] } })
  t.match(verdictTable(verdicts), /I3 .*NOT CHECKED: the run had nothing to check/)
})

t.test('the promises, with what is explained by a restore in a column of its own', async (t) => {
  t.match(promiseTable(check(cleanRun({ seed: 7, orders: 300, restored: true }))), /events lost +0 +0\n +duplicates +0 +5/)
})
