import { readFile, writeFile } from 'node:fs/promises'
import { withResults } from './render-results.ts'
import { readResults, RECORDED } from './result.ts'

const DOCUMENT = new URL('../docs/performance.md', import.meta.url)

export async function renderDocument (): Promise<void> {
  await writeFile(DOCUMENT, withResults(await readFile(DOCUMENT, 'utf8'), await readResults(RECORDED)))
}
