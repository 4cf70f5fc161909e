import { createHealth, createHttpApp, createMetrics, isContention, isUnavailable, OutageLog } from '@orders/service-kit'
import { EventEmitter } from 'node:events'
import { pino } from 'pino'
import type pg from 'pg'
import t from 'tap'

function logger () {
  const lines: Array<Record<string, unknown>> = []
  return { lines, logger: pino({ level: 'debug' }, { write: (line: string) => { lines.push(JSON.parse(line) as Record<string, unknown>) } }) }
}

const away = (code: string) => Object.assign(new Error(`connect ${code}`), { code })

t.test('hundreds of requests in an outage: one log line for each cause', async (t) => {
  const { lines, logger: log } = logger()
  const app = await createHttpApp({ logger: log, health: createHealth(), registry: createMetrics({ service: 'test' }).registry, bodyLimitBytes: 100 })
  t.teardown(() => app.close())
  app.get<{ Params: { code: string } }>('/:code', async ({ params }) => { throw away(params.code) })
  for (let request = 0; request < 100; request++) {
    t.equal((await app.inject(request % 2 === 0 ? '/ECONNREFUSED' : '/57P03')).statusCode, 503)
  }
  t.match(lines, [{ event: 'postgres_unavailable', err: { code: 'ECONNREFUSED' } }, { event: 'postgres_unavailable', err: { code: '57P03' } }])
  t.equal(lines.length, 2)
})

t.test('the end of an outage is logged once, and not while something still fails', async (t) => {
  const { lines, logger: log } = logger()
  const outages = new OutageLog(log)
  const pool = new EventEmitter()
  outages.watch(pool as unknown as pg.Pool)
  const clock = t.intercept(performance, 'now', { value: () => now })
  t.ok(clock)
  let now = 1_000
  pool.emit('release', undefined)
  t.same(lines, [], 'without an outage nothing is logged')
  outages.met(away('ECONNREFUSED'))
  now += 2_000
  pool.emit('release', undefined)
  outages.met(away('ECONNREFUSED'))
  now += 6_000
  pool.emit('release', new Error('broken'))
  t.equal(lines.length, 1, 'a destroyed connection does not end the outage')
  pool.emit('release', undefined)
  pool.emit('release', undefined)
  t.match(lines.slice(1), [{ event: 'postgres_available', failures: 2, outageMs: 2_000 }])
  outages.met(away('ECONNREFUSED'))
  t.equal(lines.length, 3, 'the next outage is logged again')
})

t.test('failures of TLS and of its files are outages; a lock or statement timeout is contention', async (t) => {
  for (const code of ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID', 'SELF_SIGNED_CERT_IN_CHAIN', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'ERR_TLS_CERT_ALTNAME_INVALID', 'ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'ERR_OSSL_PEM_NO_START_LINE', 'EPROTO']) {
    t.ok(isUnavailable(away(code)), code)
  }
  for (const message of ['The server does not support SSL connections', 'There was an error establishing an SSL connection', 'Client network socket disconnected before secure TLS connection was established']) {
    t.ok(isUnavailable(new Error(message)), message)
  }
  t.ok(isUnavailable(Object.assign(new Error('no such file'), { code: 'ENOENT', syscall: 'open' })), 'a file of the URL')
  t.ok(isUnavailable(Object.assign(new Error('no such socket'), { code: 'ENOENT', syscall: 'connect' })), 'a socket of a server that is away')
  for (const code of ['42P01', '23505', 'ERR_INVALID_ARG_TYPE', 'CERTAINLY_NOT']) t.notOk(isUnavailable(away(code)), code)
  for (const code of ['40001', '40P01', '55P03', '57014']) t.ok(isContention(away(code)), code)
  t.notOk(isContention(away('ECONNREFUSED')))
})
