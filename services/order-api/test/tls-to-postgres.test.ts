import { execFile } from 'node:child_process'
import { chmod, chown, copyFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Postgres } from '@orders/testing/servers'
import { startService, testDatabase } from '@orders/testing/framework'
import pg from 'pg'
import t from 'tap'
import { OrderApiClient } from './order-api-client.ts'

const run = promisify(execFile)

const VALID = ['-days', '2']
const EXPIRED = ['-startdate', '20200101000000Z', '-enddate', '20200201000000Z']

/** A self-signed certificate, made by `openssl ca`, which can also make an expired one. */
async function certificate (folder: string, name: string, subject: string, dates: readonly string[] = VALID): Promise<{ key: string, crt: string }> {
  const file = (end: string) => join(folder, `${name}.${end}`)
  await writeFile(file('index'), '')
  await writeFile(file('cnf'), `
[ca]
default_ca = own
[own]
database = ${file('index')}
new_certs_dir = ${folder}
default_md = sha256
policy = any
x509_extensions = extensions
rand_serial = yes
[any]
commonName = supplied
[extensions]
subjectAltName = ${subject}
basicConstraints = CA:true
`)
  await run('openssl', ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', file('key'), '-out', file('csr'), '-subj', '/CN=test'])
  await run('openssl', [
    'ca', '-batch', '-selfsign', '-notext', '-config', file('cnf'), '-keyfile', file('key'), '-in', file('csr'), '-out', file('crt'), ...dates
  ])
  return { key: file('key'), crt: file('crt') }
}

t.test('TLS failures of Postgres are outages: 503 with Retry-After, and one log line for each cause', async (t) => {
  const folder = t.testdir({})
  const postgres = await Postgres.start({ settings: { shared_buffers: '32MB' } })
  t.teardown(() => postgres.close())
  const database = await testDatabase(t, { service: 'order-api', server: postgres })
  const owner = new pg.Pool({ connectionString: database.ownerUrl, max: 1 })
  t.teardown(() => owner.end())
  /** The server reads its files again, without a restart. */
  const use = async ({ key, crt }: { key: string, crt: string }) => {
    const { uid, gid } = await stat(postgres.dataDirectory)
    for (const [from, to] of [[key, 'server.key'], [crt, 'server.crt']] as const) {
      const file = join(postgres.dataDirectory, to)
      await copyFile(from, file)
      await chown(file, uid, gid)
      await chmod(file, 0o600)
    }
    await owner.query('ALTER SYSTEM SET ssl = on')
    await owner.query('SELECT pg_reload_conf()')
  }
  const good = await certificate(folder, 'good', 'IP:127.0.0.1')
  const otherHost = await certificate(folder, 'other-host', 'DNS:elsewhere')
  const unknown = await certificate(folder, 'unknown', 'IP:127.0.0.1')
  const expired = await certificate(folder, 'expired', 'IP:127.0.0.1', EXPIRED)

  const urlWith = (ca: string) => {
    const url = new URL(database.url('order_api'))
    url.searchParams.set('sslmode', 'verify-full')
    url.searchParams.set('sslrootcert', ca)
    return url.href
  }
  const cases: Array<[what: string, server: { key: string, crt: string } | undefined, ca: string]> = [
    ['no TLS at the server', undefined, good.crt],
    ['a certificate for another host', otherHost, otherHost.crt],
    ['an unknown CA', unknown, good.crt],
    ['an expired certificate', expired, expired.crt]
  ]
  for (const [what, server, ca] of cases) {
    if (server !== undefined) await use(server)
    const service = await startService(t, 'order-api', { DATABASE_URL: urlWith(ca) })
    const client = new OrderApiClient(t, service)
    for (let round = 0; round < 5; round++) {
      for (const answer of [await client.create(`key-${round}`), await client.request('GET', '/orders')]) {
        t.equal(answer.status, 503, what)
        t.equal(answer.headers.get('retry-after'), '1', what)
        t.match(answer.body, { type: 'urn:problem:unavailable' }, what)
      }
    }
    t.equal(service.logs.filter(({ event }) => event === 'postgres_unavailable').length, 1, `${what}: one line`)
    t.notMatch(JSON.stringify(service.logs), /"stack":"[^"]/, `${what}: no stack`)
    service.kill('SIGKILL')
    await service.exited()
  }

  await use(good)
  const service = await startService(t, 'order-api', { DATABASE_URL: urlWith(good.crt) })
  t.equal((await new OrderApiClient(t, service).createWithRetry('works')).status, 201, 'and with a good certificate it works')
})
