import { glob, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '..')
const EVENT = /\bevent: (?:[^,}?]*\? )?'([a-z_]+)'(?: : '([a-z_]+)')?/g

t.test('docs/logs.md lists every event of a log line, and no other', async (t) => {
  const inSources = new Set<string>()
  for await (const file of glob('{packages,services}/*/src/**/*.ts', { cwd: ROOT })) {
    for (const [, first, second] of (await readFile(join(ROOT, file), 'utf8')).matchAll(EVENT)) {
      for (const event of [first, second]) if (event !== undefined) inSources.add(event)
    }
  }
  const page = await readFile(join(ROOT, 'docs/logs.md'), 'utf8')
  const listed = [...page.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, event = '']) => event)
  t.equal(new Set(listed).size, listed.length, 'each once')
  t.same(listed.sort(), [...inSources].sort())
})
