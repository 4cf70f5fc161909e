// Connections that are cut, that hang, that a pool does not give, and a server that stops.
import { PostgresLeaseStore } from '@orders/leader-election/postgres'
import { Postgres } from '@orders/testing/servers'
import { TcpProxy, until } from '@orders/testing/framework'
import pg from 'pg'
import t, { type Test } from 'tap'
import { PATIENT_TIMINGS, RunningElector, SHORT_TIMINGS } from '../conformance/running-elector.ts'
import { LeaseTable, LISTENER } from './lease-table.ts'

const table = await LeaseTable.create(t)

/** Candidates of one lease whose LISTEN connections go through a proxy. */
async function listeningThroughProxy (t: Test, name: string): Promise<{ proxy: TcpProxy, store: () => PostgresLeaseStore }> {
  const url = new URL(table.url)
  const proxy = await TcpProxy.start(url.host)
  t.teardown(() => proxy.close())
  url.host = proxy.address
  return { proxy, store: () => new PostgresLeaseStore({ client: table.pool, name, listen: { connectionString: url.href, application_name: LISTENER } }) }
}

async function untilListening (count: number): Promise<void> {
  await until(async () => {
    // The statements after LISTEN, and the heartbeats.
    const { rowCount } = await table.pool.query(
      "SELECT FROM pg_stat_activity WHERE application_name = $1 AND query LIKE 'SELECT%' AND state = 'idle' AND datname = current_database()", [LISTENER])
    return rowCount === count
  }, { what: `${count} connections that listen` })
}

t.test('a LISTEN connection that is cut is opened again, and reports the changes meanwhile', async (t) => {
  const { proxy, store } = await listeningThroughProxy(t, 'cut')
  const first = new RunningElector(t, table.store('cut'), PATIENT_TIMINGS)
  await first.untilLeading()
  const second = new RunningElector(t, store(), PATIENT_TIMINGS)
  await second.untilStandby(first.identity)
  await untilListening(2)
  proxy.cut()
  await second.untilSome('watch-failed')
  await first.stop()
  t.equal(second.isLeading, false)
  proxy.heal()
  await second.untilLeading()
  t.match(second.all('acquired'), [{ because: 'free' }])
})

t.test('a leader that lost its lease while LISTEN was down learns of it when LISTEN is back', async (t) => {
  const { proxy, store } = await listeningThroughProxy(t, 'deposed')
  const first = new RunningElector(t, store(), PATIENT_TIMINGS)
  await first.untilLeading()
  await untilListening(1)
  proxy.cut()
  await first.untilSome('watch-failed')
  const second = new RunningElector(t, table.store('deposed'), PATIENT_TIMINGS)
  await second.untilStandby(first.identity)
  second.elector.challenge(first.identity)
  await second.untilLeading()
  t.equal(first.isLeading, true)
  proxy.heal()
  await first.untilSome('term-ended')
  t.match(first.all('term-ended'), [{ reason: 'superseded' }])
})

t.test('a LISTEN connection that is half-open costs the hints, not the takeover', async (t) => {
  const { proxy, store } = await listeningThroughProxy(t, 'half-open')
  const first = new RunningElector(t, table.store('half-open'))
  await first.untilLeading()
  const second = new RunningElector(t, store())
  await second.untilStandby(first.identity)
  await untilListening(2)
  proxy.hang()
  await first.stop()
  await second.untilLeading()
  t.match(second.all('acquired'), [{ because: 'free' }])
  await second.untilSome('watch-failed')
  await second.stop()
})

t.test('an elector that stops does not wait for a LISTEN connection that hangs or is not open yet', async (t) => {
  const { proxy, store } = await listeningThroughProxy(t, 'stopping')
  const first = new RunningElector(t, store())
  await first.untilLeading()
  await untilListening(1)
  proxy.hang()
  const second = new RunningElector(t, store())
  await second.untilStandby(first.identity)
  const stopped = Promise.all([first.stop(), second.stop()]).then(() => 'stopped')
  // Shorter than the timeout of the listener, and much shorter than TCP's.
  t.equal(await Promise.race([stopped, new Promise((resolve) => { setTimeout(resolve, 3_000, 'hung').unref() })]), 'stopped')
})

t.test('other notifications on the channel do no harm', async (t) => {
  const first = new RunningElector(t, table.store('noise'), PATIENT_TIMINGS)
  await first.untilLeading()
  const second = new RunningElector(t, table.store('noise'), PATIENT_TIMINGS)
  await second.untilStandby(first.identity)
  await untilListening(2)
  for (const payload of ['', 'garbage', 'null', '[]', '{}', '{"name": "noise"}', '{"name": "noise", "record": 3}', '{"name": "noise", "record": {}}']) {
    await table.pool.query("SELECT pg_notify('leader_lease', $1)", [payload])
  }
  await first.stop()
  await second.untilLeading()
  t.same([...first.all('watch-failed'), ...second.all('watch-failed')], [])
})

t.test('a forged notice does not keep a dead leader alive', async (t) => {
  const first = new RunningElector(t, table.store('forged'), PATIENT_TIMINGS)
  await first.untilLeading()
  const seen: unknown[] = []
  const watch = table.store('forged').watch({ onHint: (record) => { seen.push(record) }, onError: () => {} })
  t.teardown(() => watch.close())
  await until(() => seen.length > 0, { what: 'the watch to listen' })
  const forged = { holderIdentity: 'a stranger', leaseDurationSeconds: 3_600, acquireTime: '', renewTime: '', leaseTransitions: 9 }
  await table.pool.query("SELECT pg_notify('leader_lease', $1)", [JSON.stringify({ name: 'forged', record: forged })])
  await until(() => seen.length > 1, { what: 'the notification to arrive' })
  t.match(seen.at(-1), { holderIdentity: first.identity }, 'the record is read, not taken from the notification')
  await first.stop()
})

t.test('a pool that gives no connection costs the term, not the election', async (t) => {
  const pool = new pg.Pool({ connectionString: table.url, max: 1 })
  t.teardown(() => pool.end())
  const leader = new RunningElector(t, new PostgresLeaseStore({ client: pool, name: 'exhausted' }))
  await leader.untilLeading()
  const taken = await pool.connect()
  await leader.untilNext('work-ended')
  t.match(leader.all('term-ended'), [{ reason: 'not-renewed' }])
  await leader.untilSome('attempt-failed')
  t.match(leader.all('attempt-failed')[0]?.error, { reason: 'unavailable', message: /leader_lease row exhausted: no reply within 2000 ms/ })
  taken.release()
  await leader.untilLeading()
})

t.test('a restarted server ends no term; one that stays away does, except with keepLeadingWhileUnreachable', async (t) => {
  const server = await Postgres.start()
  t.teardown(() => server.close())
  const own = await LeaseTable.create(t, server)
  const patient = new RunningElector(t, own.store('patient'), { ...SHORT_TIMINGS, leaseDurationMs: 60_000, renewDeadlineMs: 50_000 })
  const plain = new RunningElector(t, own.store('plain'))
  const fenced = new RunningElector(t, own.store('fenced'), { ...SHORT_TIMINGS, keepLeadingWhileUnreachable: true })
  await Promise.all([patient, plain, fenced].map((elector) => elector.untilLeading()))
  await server.stop('immediate')
  await plain.untilSome('work-ended')
  await fenced.untilSome('leading-unconfirmed')
  t.match(plain.all('term-ended'), [{ reason: 'not-renewed' }])
  t.equal(fenced.isLeading, true)
  await server.start()
  await Promise.all([patient, fenced].map((elector) => elector.untilNext('renewed')))
  await plain.untilLeading()
  t.same([patient.terms.length, plain.terms.length, fenced.terms.length], [1, 2, 1])
  t.same([...patient.all('term-ended'), ...fenced.all('term-ended')], [])
  t.same(fenced.elector.health(), { healthy: true })
})
