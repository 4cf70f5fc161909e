import { readFile } from 'node:fs/promises'
import { broken, check, loadRun } from '../../checker/index.ts'
import t from 'tap'
import { chooseFaults, FAULTS } from '../../faults/faults.ts'
import { parseChaosOptions } from '../options.ts'
import { Random } from '../../framework/random.ts'
import { runChaos } from '../run.ts'
import { planSchedule } from '../schedule.ts'
import { summarise } from '../../report/summary.ts'

/** A COMMIT without an answer, packets that vanish, a killed leader, a killed consumer, a leader that ends. */
const SEED = 8

const schedule = (seed: number) => planSchedule({
  faults: chooseFaults(new Set(['kubernetes', 'one-broker']), undefined), durationMs: 3_600_000, pauseMs: [3_000, 12_000], random: new Random(seed)
}).map(({ f, target, atMs, forMs }) => ({ f, target, atMs, forMs }))

t.test('the seed decides the schedule', async (t) => {
  t.same(schedule(5), schedule(5))
  t.notSame(schedule(5), schedule(6))
  t.same(new Set(schedule(5).map(({ target }) => target)), new Set(chooseFaults(new Set(['kubernetes', 'one-broker']), undefined).map(({ title }) => title)),
    'and an hour brings every fault')
})

t.test('one fault can be asked for, and none', async (t) => {
  t.equal(new Set(FAULTS.map(({ title }) => title)).size, FAULTS.length, 'every fault has a title of its own')
  t.same(new Set(chooseFaults(new Set(), 'F3').map(({ f }) => f)), new Set(['F3']))
  t.same(chooseFaults(new Set(), 'none'), [])
  t.throws(() => chooseFaults(new Set(), 'F999'), { message: /FAULT expects one of F1, .*found "F999"/ })
  t.throws(() => chooseFaults(new Set(), 'F11'), { message: /LEASE=kubernetes/ })
})

t.test('settings that cannot be used are refused by name', async (t) => {
  t.match(parseChaosOptions({ SEED: '3' }), { seed: 3, minutes: 5, rate: 200, lease: 'kubernetes', delivery: 'exactly-once', fault: undefined, brokers: 1, restores: true })
  t.match(parseChaosOptions({ BROKERS: '3', RESTORE: 'off' }), { brokers: 3, restores: false })
  t.match(parseChaosOptions({ DISKS: 'small' }), { smallDisks: true, restores: false })
  t.throws(() => parseChaosOptions({ BROKERS: '2' }), { message: /BROKERS expects one of 1, 3, found "2"/ })
  t.throws(() => parseChaosOptions({ MINUTES: 'many' }), { message: /MINUTES expects a whole number/ })
  t.throws(() => parseChaosOptions({ LEASE: 'etcd' }), { message: /LEASE expects one of kubernetes, postgres, found "etcd"/ })
})

t.test('a short run with a fixed seed: every promise holds, and the stored run says so again', async (t) => {
  const folder = t.testdir({ history: { 'clients.jsonl': 'of a former run\n' } })
  const { run, verdicts } = await runChaos({
    seed: SEED,
    minutes: 0.3,
    rate: 20,
    fault: undefined,
    lease: 'postgres',
    delivery: 'exactly-once',
    relays: 2,
    brokers: 1,
    restores: false,
    shards: 1,
    smallDisks: false,
    wrongClocks: false,
    folder,
    pauseMs: [500, 2_000],
    progress: (line) => { t.comment(line) }
  }, new AbortController().signal)
  t.same(verdicts.filter(({ result }) => result === 'broken'), [])
  t.match(summarise(run, verdicts), { lost: 0, duplicates: 0, outOfOrder: 0 })
  t.ok(summarise(run, verdicts).faults >= 3, 'faults were made')

  const stored = await loadRun(folder)
  t.same(broken(check(stored)), [])
  t.same(stored.description, run.description)
  const report = await readFile(`${folder}/report.html`, 'utf8')
  t.match(report, /every invariant holds[^]*<svg[^]*<\/html>/)
  t.notMatch(report, /(src|href)=|@import|url\(/, 'the report needs nothing from outside')
})
