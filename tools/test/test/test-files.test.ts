import t from 'tap'
import { inTwoParts, testFiles, WITH_KUBERNETES } from '../test-files.ts'

t.test('every test file runs once, and those without an API server first', async (t) => {
  const files = testFiles()
  const { first, withKubernetes } = inTwoParts(files)
  t.same([...first, ...withKubernetes].sort(), files)
  t.ok(first.includes('tools/test/test/test-files.test.ts'))
  t.notOk(files.some((file) => file.startsWith('test/e2e/')), 'but those that need a cluster')
  for (const beginning of WITH_KUBERNETES) t.ok(withKubernetes.some((file) => file.startsWith(beginning)), beginning)
})
