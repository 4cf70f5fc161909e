import { readFile } from 'node:fs/promises'
import { KAFKA_VERSION } from '@orders/testing/servers'
import t from 'tap'
import { parseOptions } from '../options.ts'
import { renderGoals, renderResult, withResults } from '../render-results.ts'
import { createResult, readResults, RECORDED } from '../result.ts'
import { SCENARIOS } from '../scenarios.ts'

t.test('docs/performance.md shows the recorded results (npm run bench -- --record)', async (t) => {
  const document = await readFile(new URL('../../docs/performance.md', import.meta.url), 'utf8')
  t.equal(document, withResults(document, await readResults(RECORDED)))
})

t.test('recorded results are of full runs', async (t) => {
  for (const [name, { quick, cases }] of await readResults(RECORDED)) {
    t.ok(name in SCENARIOS, `${name} is a scenario`)
    t.notOk(quick, `${name} was no quick run`)
    t.ok(cases.every(({ figures }) => figures.every(({ values }) => values.every(Number.isFinite))), `${name} has numbers only`)
  }
})

t.test('the version of Kafka in a result is the one that Maven resolves', async (t) => {
  const pom = await readFile(new URL('../../testing/servers/kafka/pom.xml', import.meta.url), 'utf8')
  t.ok(pom.includes(`<version>${KAFKA_VERSION}</version>`), KAFKA_VERSION)
})

t.test('a table shows medians, ranges, and what misses its goal', async (t) => {
  const run = (rate: number, lost: number) => [
    { name: 'one', figures: [{ name: 'rate', value: rate, unit: 'events/s', goal: { atLeast: 20_000 } }, { name: 'lost', value: lost, unit: 'events', goal: { atMost: 0 } }] },
    { name: 'two', figures: [{ name: 'rate', value: 7, unit: 'events/s' }] }
  ]
  const result = createResult('drain', false, { postgres: '18.4' }, [run(10_000, 0), run(30_000, 0), run(12_340, 1)])
  const lines = renderResult(result).split('\n')
  t.equal(lines[0], '|  | rate, events/s | lost, events |')
  t.equal(lines[2], '| one | 12,340 (10,000–30,000), goal ≥ 20,000 **missed** | 0 (0–1), goal ≤ 0 **missed** |')
  t.equal(lines[3], '| two | 7 (7–7) |  |')
  t.match(renderGoals(result), [/^MISSED .*rate 12,340 events\/s \(goal ≥ 20,000\)/, /^MISSED/])
})

t.test('options are checked', async (t) => {
  t.same(parseOptions([]).scenarios, Object.keys(SCENARIOS))
  t.match(parseOptions(['rest', 'drain', '--repeat', '3']), { scenarios: ['rest', 'drain'], repeat: 3, quick: false, record: false })
  for (const args of [['dream'], ['--repeat', '0'], ['--quick', '--record'], ['--fast']]) t.throws(() => parseOptions(args), String(args))
})
