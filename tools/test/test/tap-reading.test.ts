import { fileURLToPath } from 'node:url'
import { CommandError, runCommand } from '@orders/testing/servers'
import t from 'tap'
import { summary } from '../summary.ts'
import { TapReading } from '../tap-reading.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const FIXTURES = 'tools/test/test/fixtures'

/** The runner's reading of tap's report on these files. */
async function readingOf (...files: string[]): Promise<TapReading> {
  const reading = new TapReading()
  // Without this the inner tap would report to the outer one.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TAP')))
  await runCommand('tap', ['run', '--reporter=tap', '--allow-empty-coverage', ...files.map((file) => `${FIXTURES}/${file}.ts`)], {
    cwd: ROOT, env, onLine (line, stream) { if (stream === 'stdout') reading.read(line); else reading.readError(line) }
  }).catch((error: unknown) => { if (!(error instanceof CommandError)) throw error })
  return reading
}

t.test('the outermost tests of each file are counted; each failure is reported once, with place and reason', async (t) => {
  const reading = await readingOf('mixed', 'crash', 'late-crash')
  t.match(reading, { passed: 3, failed: 4 }, 'good, bare and good; outer, thrown and two files')
  t.same(new Map(reading.files.map(({ name, ok, tests }) => [name, `${ok ? 'ok' : 'not ok'} ${tests}`])), new Map([
    [`${FIXTURES}/mixed.ts`, 'not ok 4'], [`${FIXTURES}/crash.ts`, 'not ok 0'], [`${FIXTURES}/late-crash.ts`, 'not ok 1']
  ]))
  t.same(reading.failures.map(({ title }) => title.slice(FIXTURES.length + 1)).sort(), [
    'crash.ts', 'late-crash.ts', 'mixed.ts › outer › inner bad › one is two', 'mixed.ts › thrown › boom'
  ])
  const detailsOf = (end: string) => reading.failures.find(({ title }) => title.endsWith(end))?.details.join('\n') ?? ''
  t.match(detailsOf('one is two'), /fileName: tools\/test\/test\/fixtures\/mixed\.ts\n *lineNumber: 6[^]*-2\n *\+1/)
  t.match(detailsOf('boom'), /mixed\.ts:8/)
  t.match(detailsOf('/crash.ts'), /no test of this file ran/)
})

for (const order of ['before', 'after']) {
  t.test(`the stderr of a file that crashes is kept, if it comes ${order} the reports of files`, async (t) => {
    const reading = new TapReading()
    if (order === 'before') reading.readError('why')
    for (const line of ['ok 1 - other.test.ts # time=1ms', 'not ok 2 - crash.test.ts # time=1ms', 'ok 3 - third.test.ts # time=1ms']) reading.read(line)
    if (order === 'after') reading.readError('why')
    t.same(reading.failures, [{ title: 'crash.test.ts', details: ['why'] }])
  })
}

t.test('the summary ends with the count, after the reasons', async (t) => {
  const files = [{ name: 'quick.test.ts', ok: true, tests: 1, seconds: 1 }, { name: 'slow.test.ts', ok: false, tests: 1, seconds: 61.2 }]
  t.equal(summary([{ title: 'slow.test.ts › a test', details: ['expected: 1', 'found: 2'] }], files, { passed: 1, failed: 1 }), `
slowest files:
    61 s  slow.test.ts

FAILED slow.test.ts › a test
  expected: 1
  found: 2

1 passed, 1 failed`)
  t.equal(summary([], [], { passed: 0, failed: 0 }), '\n0 passed, 0 failed')
})
