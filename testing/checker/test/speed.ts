// `npm run check:speed`: how long the checker takes for a million operations, stored and read again as after a real run.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { broken, check, loadRun, Recorder, saveDescription, saveFinalState, type Recorded } from '../index.ts'
import { cleanRun } from './generator.ts'

/** 2⅓ operations each. */
const ORDERS = 440_000

const seconds = (since: number) => ((performance.now() - since) / 1_000).toFixed(1)
const folder = await mkdtemp(join(tmpdir(), 'orders-history-'))
try {
  const run = cleanRun({ seed: 1, orders: ORDERS })
  const recorder = new Recorder(folder)
  let operations = 0
  for (const entry of run.entries) {
    if (entry.kind === 'client' && entry.type === 'invoke') operations++
    recorder.record(entry as Recorded, entry.t)
  }
  await recorder.close()
  await saveDescription(folder, run.description)
  await saveFinalState(folder, run.final)

  const startedAt = performance.now()
  const stored = await loadRun(folder)
  const read = seconds(startedAt)
  const verdicts = check(stored)
  console.log(`${operations} operations, ${run.final.topic.length} records: read in ${read} s, read and checked in ${seconds(startedAt)} s, ${Math.round(process.memoryUsage().rss / 1e6)} MB`)
  console.log(`broken: ${broken(verdicts).join(', ') || 'none'}`)
} finally {
  await rm(folder, { recursive: true })
}
