// `make e2e`: the tests of test/e2e, one after the other, against the release in the cluster that kubectl reaches. Arguments:
// beginnings of file names, such as 2 or 4-rolling; all if none. The last line counts.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('./', import.meta.url))
const chosen = process.argv.slice(2)
const files = (await readdir(FOLDER)).filter((file) => file.endsWith('.test.ts') && (chosen.length === 0 || chosen.some((begin) => file.startsWith(begin)))).sort()
let passed = 0
const failed: string[] = []

for (const file of files) {
  console.log(`== ${file}`)
  const child = spawn(process.execPath, ['--conditions=@orders/source', `${FOLDER}${file}`], { stdio: ['ignore', 'pipe', 'inherit'] })
  const failedBefore = failed.length
  createInterface({ input: child.stdout }).on('line', (line) => {
    console.log(line)
    const [, not, name = ''] = /^(not )?ok \d+ - (.*?)(?: # time=.*)?$/.exec(line) ?? []
    if (not !== undefined) failed.push(name)
    else if (name !== '') passed++
  })
  const [code] = await once(child, 'close') as [number | null]
  if (code !== 0 && failed.length === failedBefore) failed.push(`${file} ended with ${code}`)
}

for (const name of failed) console.log(`failed: ${name}`)
console.log(`${passed} passed, ${failed.length} failed`)
process.exitCode = failed.length === 0 && passed > 0 ? 0 : 1
