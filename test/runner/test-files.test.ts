import t from 'tap'
import { inTwoParts, testFiles, WITH_KUBERNETES } from '../../scripts/test/test-files.ts'

t.test('every test file is run, once, and those that need no API server first', async (t) => {
  const files = testFiles()
  const { first, withKubernetes } = inTwoParts(files)
  t.same([...first, ...withKubernetes].sort(), files)
  t.ok(first.includes('test/runner/test-files.test.ts'))
  t.notOk(files.some((file) => file.startsWith('test/e2e/')), 'but those that need a cluster')
  for (const beginning of WITH_KUBERNETES) t.ok(withKubernetes.some((file) => file.startsWith(beginning)), beginning)
})
