import { glob, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '..')
const PAGE = 'docs/guarantees.md'
const read = (path: string) => readFile(join(ROOT, path), 'utf8')
const page = await read(PAGE)

/** Rows of the table whose first cells are ids with this letter. */
function rows (letter: string): Array<{ id: string, text: string }> {
  return [...page.matchAll(new RegExp(`^\\| (${letter}\\d+) \\| (.*) \\|$`, 'gm'))].map(([, id = '', text = '']) => ({ id, text }))
}

function numbers (letter: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${letter}${index + 1}`)
}

/** Ids that the sources print. Read as text, so that a moved file changes nothing here. */
async function idsInSources (folder: string, pattern: RegExp): Promise<string[]> {
  const found = new Set<string>()
  for await (const file of glob(`testing/${folder}/**/*.ts`, { cwd: ROOT })) {
    if (file.includes('/test/')) continue
    for (const [, id = ''] of (await read(file)).matchAll(pattern)) found.add(id)
  }
  return [...found]
}

const [promises, invariants, faults] = [rows('P'), rows('I'), rows('F')]
const ids = (of: ReadonlyArray<{ id: string }>) => of.map(({ id }) => id)

t.test('promises, invariants and faults are numbered without holes', async (t) => {
  t.ok(promises.length >= 10)
  t.same(ids(promises), numbers('P', promises.length))
  t.same(ids(invariants), numbers('I', invariants.length))
  t.same(ids(faults), numbers('F', faults.length))
})

t.test('each promise names its invariants and links to its tests', async (t) => {
  for (const { id, text } of promises) {
    t.match(text, /\.test\.ts\)/, `${id} has a test`)
    t.match(text, /\bI\d+\b/, `${id} has an invariant`)
  }
  const named = new Set(promises.flatMap(({ text }) => text.match(/\bI\d+\b/g) ?? []))
  t.same([...named].filter((id) => !ids(invariants).includes(id)), [], 'each of them exists')
  t.same(ids(invariants).filter((id) => !named.has(id)), [], 'each invariant belongs to a promise')
})

t.test('the invariants are those of the checker', async (t) => {
  t.same(ids(invariants).sort(), (await idsInSources('checker', /\bid: '(I\d+)'/g)).sort())
})

t.test('the faults are those of the nemesis, and retired ids are not used', async (t) => {
  const used = faults.filter(({ text }) => !text.startsWith('retired'))
  t.same(ids(used).sort(), (await idsInSources('faults', /\bf: '(F\d+)'/g)).sort())
})

t.test('no other page defines a promise, an invariant or a fault', async (t) => {
  for await (const file of glob(['*.md', '{docs,packages,services,testing,bench,demo,deploy}/**/*.md'], { cwd: ROOT, exclude: (path) => path.endsWith('node_modules') })) {
    if (file === PAGE) continue
    t.same((await read(file)).match(/^\| \**[PIF]\d+\b.*/gm) ?? [], [], file)
  }
})
