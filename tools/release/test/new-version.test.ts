import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { assertHigher, releaseChangelog, VERSIONED } from '../new-version.ts'

const ROOT = join(import.meta.dirname, '../../..')

t.test('what is pending moves under the version, and nothing is pending then', async (t) => {
  const before = '# Changelog\n\n## Pending\n\n- A.\n- B.\n\n## 0.1.0 (2026-01-01)\n\n- First.\n'
  const after = releaseChangelog(before, '0.2.0', '2026-02-03')
  t.equal(after, '# Changelog\n\n## Pending\n\nNothing yet.\n\n## 0.2.0 (2026-02-03)\n\n- A.\n- B.\n\n## 0.1.0 (2026-01-01)\n\n- First.\n')
  t.throws(() => releaseChangelog(after, '0.3.0', '2026-02-04'), /expected changes/)
  t.throws(() => releaseChangelog(before, '0.1.0', '2026-02-04'), /expected no heading/)
  t.throws(() => releaseChangelog('# Changelog\n', '0.3.0', '2026-02-04'), /found none/)
})

t.test('a version rises', async (t) => {
  assertHigher('0.10.0', ['0.9.0', '0.2.1'])
  for (const version of ['0.9.0', '0.2.0', '1.0', 'v1.0.0', '1.0.0-rc1', '']) t.throws(() => assertHigher(version, ['0.9.0']), version)
})

t.test('in this checkout every file takes the version, and nothing of other packages changes', async (t) => {
  for (const [pattern, rewrite] of VERSIONED) {
    const paths = globSync(pattern, { cwd: ROOT })
    t.ok(paths.length > 0, pattern)
    for (const path of paths) {
      const before = readFileSync(join(ROOT, path), 'utf8')
      const after = rewrite(before, '9.8.7', '2030-01-01')
      t.ok(after.includes('9.8.7'), path)
      if (path.endsWith('.json')) t.same(foreignVersions(after), foreignVersions(before), path)
    }
  }
})

function foreignVersions (json: string): unknown {
  return JSON.parse(json, (key, value: unknown) => key.startsWith('@orders/') || (key === 'version' && ['0.1.0', '9.8.7'].includes(String(value))) ? undefined : value)
}
