import { appendFile } from 'node:fs/promises'
import { broken, check, loadRun, Recorder, saveDescription, saveFinalState, type Recorded } from '../index.ts'
import t from 'tap'
import { cleanRun } from './generator.ts'

t.test('a stored run gives the same verdict, also when its last line was cut off', async (t) => {
  const folder = t.testdir({})
  const run = cleanRun({ seed: 7, orders: 300 })
  const recorder = new Recorder(folder)
  for (const entry of run.entries) recorder.record(entry as Recorded, entry.t)
  await recorder.close()
  await saveDescription(folder, run.description)
  await saveFinalState(folder, run.final)
  await appendFile(`${folder}/history/client-1.jsonl`, '{"kind":"cli')

  const stored = await loadRun(folder)
  t.same(stored.final, run.final)
  t.same(stored.description, run.description)
  t.equal([...stored.entries].length, [...run.entries].length)
  t.same(check(stored), check(run))
  t.same(broken(check(stored)), [])
})

t.test('the recorder gives every entry its time', async (t) => {
  const recorder = new Recorder()
  recorder.record({ kind: 'process', process: 'relay-1', type: 'invoke', f: 'life' })
  recorder.record({ kind: 'process', process: 'relay-1', type: 'ok', f: 'life' })
  const [first, second] = recorder.entries
  t.ok(first !== undefined && second !== undefined && first.t >= 0 && second.t >= first.t)
})
