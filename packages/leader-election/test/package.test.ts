// Any Node project can use this package: it brings what it imports, and nothing of ours.
import { readdir, readFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import t from 'tap'

const SOURCES = new URL('../src/', import.meta.url).pathname
const IMPORT = /^(?:import|export) [^'\n]*?(?:\{[^}]*\} )?from '([^']+)'/gm

t.test('the sources import Node, the dependencies of the manifest, and each other', async (t) => {
  const manifest = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as { dependencies: Record<string, string> }
  const allowed = Object.keys(manifest.dependencies)
  const imported = new Set<string>()
  for (const file of await readdir(SOURCES, { recursive: true })) {
    if (!file.endsWith('.ts')) continue
    for (const [, source = ''] of (await readFile(join(SOURCES, file), 'utf8')).matchAll(IMPORT)) {
      if (source.startsWith('.')) continue
      imported.add(source)
      t.ok(isBuiltin(source) || allowed.includes(source), `${file} imports ${source}`)
    }
  }
  for (const name of allowed) t.ok(imported.has(name), `${name} is used`)
})

t.test('the core needs no driver: only the two stores import one', async (t) => {
  for (const file of await readdir(SOURCES)) {
    if (!file.endsWith('.ts')) continue
    t.notMatch(await readFile(join(SOURCES, file), 'utf8'), /from '(pg|@kubernetes\/client-node|\.\/(kubernetes|postgres)\/)/, file)
  }
})
