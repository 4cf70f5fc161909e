import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Entry } from './entry.ts'
import type { FinalState } from './final-state.ts'
import { readJsonLines, writeJsonLines } from './json-lines.ts'
import type { Run, RunDescription } from './run.ts'

/**
 * A stored run:
 *
 *     run.json              RunDescription: seed, settings, schedule of the faults
 *     history/NAME.jsonl    what each process did, one operation a line
 *     final/NAME.jsonl      the final state, one row a line; other values are in final/values.json
 */
export const HISTORY_FOLDER = 'history'
const FINAL_FOLDER = 'final'
/** Older runs have no files for these tables. */
const UNDISTURBED: Pick<FinalState, 'restores' | 'undoneEvents' | 'undoneAnswers' | 'undoneFence' | 'copies' | 'copiedEvents'> = {
  restores: [], undoneEvents: [], undoneAnswers: [], undoneFence: [], copies: [], copiedEvents: []
}

export async function saveDescription (folder: string, description: RunDescription): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'run.json'), `${JSON.stringify(description, null, 2)}\n`)
}

export async function saveFinalState (folder: string, final: FinalState): Promise<void> {
  const target = join(folder, FINAL_FOLDER)
  await mkdir(target, { recursive: true })
  const values: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(final) as Array<[string, unknown]>) {
    if (Array.isArray(value)) await writeJsonLines(join(target, `${name}.jsonl`), value)
    else values[name] = value
  }
  await writeFile(join(target, 'values.json'), `${JSON.stringify(values, null, 2)}\n`)
}

/** @throws Error when the folder holds no complete run */
export async function loadRun (folder: string): Promise<Run> {
  const description = JSON.parse(await readFile(join(folder, 'run.json'), 'utf8')) as RunDescription
  const entries: Entry[] = []
  for (const file of (await readdir(join(folder, HISTORY_FOLDER))).sort()) {
    for await (const entry of readJsonLines<Entry>(join(folder, HISTORY_FOLDER, file))) entries.push(entry)
  }
  const final = JSON.parse(await readFile(join(folder, FINAL_FOLDER, 'values.json'), 'utf8')) as Record<string, unknown>
  for (const file of await readdir(join(folder, FINAL_FOLDER))) {
    if (!file.endsWith('.jsonl')) continue
    const rows: unknown[] = []
    for await (const row of readJsonLines(join(folder, FINAL_FOLDER, file))) rows.push(row)
    final[file.replace('.jsonl', '')] = rows
  }
  return { description, entries, final: { ...UNDISTURBED, ...final } as unknown as FinalState }
}
