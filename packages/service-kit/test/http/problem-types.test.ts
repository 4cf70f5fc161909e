import { readFile } from 'node:fs/promises'
import { PROBLEM_TYPES } from '@orders/service-kit'
import t from 'tap'

t.test('docs/problems.md lists exactly the problem types', async (t) => {
  const text = await readFile(new URL('../../../../docs/problems.md', import.meta.url), 'utf8')
  const documented = [...text.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, type]) => type)
  t.same(documented, PROBLEM_TYPES)
})
