import { readFile } from 'node:fs/promises'
import { until } from '@orders/testing/framework'
import t from 'tap'
import { RelayFixture } from './fixture/relay-fixture.ts'

const README = new URL('../README.md', import.meta.url)
const AGGREGATES = ['a', 'b', 'c']

/** CPU time of a process so far. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: utime and stime, in 1/100 s */
async function cpuMs (pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

t.test('a leader and a standby', async (t) => {
  const fixture = await RelayFixture.create(t)
  const relays = await Promise.all([fixture.relay('one'), fixture.relay('two')])
  await fixture.post(...AGGREGATES)
  await fixture.published()
  const [leader, standby] = await fixture.leader() === 'one' ? relays : [relays[1], relays[0]]

  await t.test('the leader reports that it leads, and counts its published events', async (t) => {
    const pages = await Promise.all(relays.map(({ service }) => fixture.metrics(service)))
    const sums = (name: string) => pages.map((page) => page.sum(name)).sort()
    t.same(sums('relay_leader'), [0, 1])
    t.same(sums('relay_lease_held'), [0, 1])
    t.same(sums('relay_published_total'), [0, 3])
    t.same(sums('relay_take_overs_total'), [0, 1])
    t.same(sums('relay_epoch'), [0, 1])
  })

  await t.test('the README lists every metric, and only metrics that exist', async (t) => {
    const named = [...(await readFile(README, 'utf8')).matchAll(/^\| `((?:relay|outbox)_[a-z_]+)`/gm)].map(([, name = '']) => name).sort()
    const found = (await fixture.metrics(leader.service)).declared.filter((name) => /^(relay|outbox)_/.test(name)).sort()
    t.same(named, found)
  })

  await t.test('an idle leader and standby use little CPU and send few requests', async (t) => {
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

  await t.test('a standby reports the backlog too: otherwise no alert fires while no relay leads', async (t) => {
    leader.service.kill('SIGSTOP')
    await fixture.post(...AGGREGATES)
    await until(async () => {
      const page = await fixture.metrics(standby.service)
      return page.sum('outbox_backlog_events') === 3 && page.sum('outbox_oldest_age_seconds') > 0 && page.sum('relay_leader') === 0
    }, { what: 'the backlog, from the standby' })
    leader.service.kill('SIGCONT')
    t.pass()
  })
})

const GAUGES = ['outbox_oldest_age_seconds', 'outbox_backlog_events', 'outbox_dead_letters', 'outbox_blocked_events', 'outbox_blocked_oldest_age_seconds']

t.test('while Postgres cannot be reached, the outbox metrics are NaN: the last values would be a false alert, or hide a true one', async (t) => {
  const fixture = await RelayFixture.create(t)
  const { service, postgres } = await fixture.relay('relay')
  const known = () => GAUGES.filter((name) => !Number.isNaN(page.sum(name)))
  let page = await fixture.metrics(service)
  const untilKnown = (names: string[], readable: number) => until(async () => {
    page = await fixture.metrics(service)
    const found = known()
    if (found.length !== names.length || page.sum('outbox_readable') !== readable) throw new Error(found.join())
    return true
  }, { what: `${names.length} of the outbox metrics` })
  await untilKnown(GAUGES, 1)
  postgres.cut()
  await untilKnown([], 0)
  t.ok(service.logs.some(({ event }) => event === 'outbox_unreadable'))
  postgres.heal()
  await untilKnown(GAUGES, 1)
})

t.test('events behind a dead letter are counted apart from events that are stuck', async (t) => {
  const fixture = await RelayFixture.create(t, { settings: { RELAY_MAX_RECORD_BYTES: '2000' } })
  const { service } = await fixture.relay('relay')
  await fixture.post({ aggregate: 'poison', bytes: 3_000 }, 'poison', 'poison', 'a')
  await fixture.published({ but: 2 })
  const page = await until(async () => {
    const page = await fixture.metrics(service)
    return page.sum('outbox_blocked_events', 'by="dead_letter"') === 2 ? page : undefined
  }, { what: 'the blocked events' })
  t.equal(page.sum('outbox_backlog_events'), 2)
  t.equal(page.sum('outbox_oldest_age_seconds'), 0, 'no event that could be published waits')
  t.ok(page.sum('outbox_blocked_oldest_age_seconds', 'by="dead_letter"') > 0)

  service.kill('SIGKILL')
  const other = await fixture.relay('other', { RELAY_DEFAULT_TOPIC: 'no-such-topic' })
  await fixture.post('a')
  await until(async () => {
    const page = await fixture.metrics(other.service)
    return page.sum('outbox_blocked_events', 'by="topic"') === 3 && page.sum('outbox_blocked_events', 'by="dead_letter"') === 2
  }, { what: 'another relay that can write to no topic, and reports it', deadlineMs: 60_000 })
})
