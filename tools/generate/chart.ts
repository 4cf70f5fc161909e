// `npm run chart`: writes the files generated from the chart: its README's table of values, and each rendered value set.
import { mkdir, writeFile } from 'node:fs/promises'
import { helmProgram } from '@orders/testing/servers'
import { renderReadme } from './chart/render-readme.ts'
import { CHART, goldenFile, renderValueSet, valueSets } from './chart/value-sets.ts'

const helm = await helmProgram((line) => { console.log(line) })
await writeFile(new URL('README.md', CHART), await renderReadme())
for (const name of await valueSets()) {
  await mkdir(new URL('./', goldenFile(name)), { recursive: true })
  await writeFile(goldenFile(name), await renderValueSet(helm, name))
}
