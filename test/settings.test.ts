import { readFile } from 'node:fs/promises'
import t from 'tap'
import { renderSettings } from '../tools/generate/settings/render-settings.ts'

t.test('docs/settings.md matches the schemas (npm run settings)', async (t) => {
  t.equal(await readFile(new URL('../docs/settings.md', import.meta.url), 'utf8'), renderSettings())
})

t.test('every setting has a description, with the unit of a duration or a size', async (t) => {
  const rows = [...renderSettings().matchAll(/^\| `([A-Z_]+)` \| ([^|]*) \| ([^|]*) \| ((?:\\\||[^|])*) \|/gm)]
  t.ok(rows.length > 40, `${rows.length} settings`)
  for (const [, name = '', , , meaning = ''] of rows) {
    t.match(meaning, /\.$/, `${name} has a description`)
    if (/_(TIMEOUT|INTERVAL|DELAY|DEADLINE|GRACE|BACKOFF|RETENTION|DURATION|PERIOD|AGE)(_|$)/.test(name)) t.match(name, /_(MS|SECONDS|HOURS|DAYS)$/, `${name} has a unit`)
  }
})
