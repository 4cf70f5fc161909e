import { readFile } from 'node:fs/promises'
import { until } from '@orders/testing/framework'
import t from 'tap'
import { Stage } from './stage/stage.ts'

const README = new URL('../README.md', import.meta.url)
const AGGREGATES = ['a', 'b', 'c']

/** Processor time of a process so far. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: utime and stime, in 1/100 s */
async function cpuMs (pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

t.test('a leader and a standby', async (t) => {
  const stage = await Stage.set(t)
  const relays = await Promise.all([stage.relay('one'), stage.relay('two')])
  await stage.post(...AGGREGATES)
  await stage.published()
  const [leader, standby] = await stage.leader() === 'one' ? relays : [relays[1], relays[0]]

  await t.test('one says that it leads, and counts what it published', async (t) => {
    const pages = await Promise.all(relays.map(({ service }) => stage.metrics(service)))
    const sums = (name: string) => pages.map((page) => page.sum(name)).sort()
    t.same(sums('relay_leader'), [0, 1])
    t.same(sums('relay_lease_held'), [0, 1])
    t.same(sums('relay_published_total'), [0, 3])
    t.same(sums('relay_take_overs_total'), [0, 1])
    t.same(sums('relay_epoch'), [0, 1])
  })

  await t.test('every metric stands in the README, and every one there exists', async (t) => {
    const named = [...(await readFile(README, 'utf8')).matchAll(/^\| `((?:relay|outbox)_[a-z_]+)`/gm)].map(([, name = '']) => name).sort()
    const found = (await stage.metrics(leader.service)).declared.filter((name) => /^(relay|outbox)_/.test(name)).sort()
    t.same(named, found)
  })

  await t.test('at rest neither of them is busy', async (t) => {
    for (const { name, service, postgres } of relays) {
      let requests = 0
      let polls = 0
      postgres.filter((chunk, direction) => {
        if (direction === 'toServer') requests++
        if (chunk.includes('outbox_backlog')) polls++
        return 'forward'
      })
      const [startedAt, before] = [performance.now(), await cpuMs(service.pid)]
      await until(() => polls >= 4, { what: 'four reports of the backlog' })
      const share = (await cpuMs(service.pid) - before) / (performance.now() - startedAt)
      t.ok(requests < 60, `${name}: ${requests} requests to Postgres in some four seconds`)
      t.ok(share < 0.25, `${name}: ${Math.round(share * 100)} % of a core`)
    }
  })

  await t.test('a standby reports the backlog too: else the alarm is silent when nobody leads', async (t) => {
    leader.service.kill('SIGSTOP')
    await stage.post(...AGGREGATES)
    await until(async () => {
      const page = await stage.metrics(standby.service)
      return page.sum('outbox_backlog_events') === 3 && page.sum('outbox_oldest_age_seconds') > 0 && page.sum('relay_leader') === 0
    }, { what: 'the backlog, from the standby' })
    leader.service.kill('SIGCONT')
    t.pass()
  })
})

const GAUGES = ['outbox_oldest_age_seconds', 'outbox_backlog_events', 'outbox_dead_letters', 'outbox_blocked_events', 'outbox_blocked_oldest_age_seconds']

t.test('while Postgres cannot be asked, its figures are not known: the last ones would be a false alarm, or a false calm', async (t) => {
  const stage = await Stage.set(t)
  const { service, postgres } = await stage.relay('relay')
  const known = () => GAUGES.filter((name) => !Number.isNaN(stageMetrics.sum(name)))
  let stageMetrics = await stage.metrics(service)
  const untilKnown = (names: string[], readable: number) => until(async () => {
    stageMetrics = await stage.metrics(service)
    const found = known()
    if (found.length !== names.length || stageMetrics.sum('outbox_readable') !== readable) throw new Error(found.join())
    return true
  }, { what: `${names.length} of the figures of the outbox` })
  await untilKnown(GAUGES, 1)
  postgres.cut()
  await untilKnown([], 0)
  t.ok(service.logs.some(({ event }) => event === 'outbox_unreadable'))
  postgres.heal()
  await untilKnown(GAUGES, 1)
})

t.test('what waits behind a dead letter does not hide what is stuck, nor pass for it', async (t) => {
  const stage = await Stage.set(t, { settings: { RELAY_MAX_RECORD_BYTES: '2000' } })
  const { service } = await stage.relay('relay')
  await stage.post({ aggregate: 'poison', bytes: 3_000 }, 'poison', 'poison', 'a')
  await stage.published({ but: 2 })
  const page = await until(async () => {
    const page = await stage.metrics(service)
    return page.sum('outbox_blocked_events', 'by="dead_letter"') === 2 ? page : undefined
  }, { what: 'the blocked events' })
  t.equal(page.sum('outbox_backlog_events'), 2)
  t.equal(page.sum('outbox_oldest_age_seconds'), 0, 'nothing that could be published waits')
  t.ok(page.sum('outbox_blocked_oldest_age_seconds', 'by="dead_letter"') > 0)

  service.kill('SIGKILL')
  const other = await stage.relay('other', { RELAY_DEFAULT_TOPIC: 'no-such-topic' })
  await stage.post('a')
  await until(async () => {
    const page = await stage.metrics(other.service)
    return page.sum('outbox_blocked_events', 'by="topic"') === 3 && page.sum('outbox_blocked_events', 'by="dead_letter"') === 2
  }, { what: 'another relay that cannot write anywhere, and says so', deadlineMs: 60_000 })
})
