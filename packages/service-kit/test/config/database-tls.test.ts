import { execFile } from 'node:child_process'
import { chown, copyFile, stat, writeFile } from 'node:fs/promises'
import { rootCertificates } from 'node:tls'
import { promisify } from 'node:util'
import { ConfigError, createPool, createLogger, withDatabaseTls } from '@orders/service-kit'
import { Postgres } from '@orders/testing/servers'
import { until } from '@orders/testing/framework'
import pg from 'pg'
import t, { type Test } from 'tap'

const DATABASE = 'postgres://me:secret@server:5432/orders'

function problemsOf (url: string, file: string): readonly string[] {
  try {
    withDatabaseTls({ DATABASE_URL: url, DATABASE_SSL_CA_FILE: file })
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

/** A certificate authority, and a certificate that it issued for a host. */
async function certificates (folder: string, host: string): Promise<{ ca: string, key: string, certificate: string }> {
  const openssl = (...args: string[]) => promisify(execFile)('openssl', args)
  const [ca, caKey, key, request, certificate] = ['ca.pem', 'ca.key', 'server.key', 'server.csr', 'server.pem'].map((name) => `${folder}/${name}`) as [string, string, string, string, string]
  await openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', caKey, '-out', ca, '-subj', '/CN=test authority', '-days', '2')
  await openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', request, '-subj', `/CN=${host}`)
  await writeFile(`${folder}/extensions`, `subjectAltName=DNS:${host}`)
  await openssl('x509', '-req', '-in', request, '-CA', ca, '-CAkey', caKey, '-CAcreateserial', '-out', certificate, '-days', '2', '-extfile', `${folder}/extensions`)
  return { ca, key, certificate }
}

async function startWithTls (t: Test, files: { key: string, certificate: string }): Promise<URL> {
  const server = await Postgres.start()
  t.teardown(() => server.close())
  const { uid, gid } = await stat(server.dataDirectory)
  for (const [from, to] of [[files.key, 'server.key'], [files.certificate, 'server.crt']] as const) {
    await copyFile(from, `${server.dataDirectory}/${to}`)
    await chown(`${server.dataDirectory}/${to}`, uid, gid)
  }
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  await client.query('ALTER SYSTEM SET ssl = on')
  await client.query('SELECT pg_reload_conf()')
  await client.end()
  return new URL(server.url)
}

t.test('without the setting the URL stays; with it the URL demands a verified connection', async (t) => {
  t.equal(withDatabaseTls({ DATABASE_URL: `${DATABASE}?sslmode=require` }).DATABASE_URL, `${DATABASE}?sslmode=require`)
  const folder = t.testdir({ 'ca.pem': rootCertificates[0] ?? '' })
  for (const query of ['', '?sslmode=require', '?sslmode=verify-full', '?uselibpqcompat=true&sslmode=require']) {
    const { DATABASE_URL: url } = withDatabaseTls({ DATABASE_URL: `${DATABASE}${query}`, DATABASE_SSL_CA_FILE: `${folder}/ca.pem` })
    t.same(Object.fromEntries(new URL(url).searchParams), { sslmode: 'verify-full', sslrootcert: `${folder}/ca.pem` }, query)
  }
  const odd = withDatabaseTls({ DATABASE_URL: `${DATABASE}?application_name=a%26b`, DATABASE_SSL_CA_FILE: `${folder}/ca.pem` })
  t.equal(new URL(odd.DATABASE_URL).searchParams.get('application_name'), 'a&b')
})

t.test('an invalid file, and a contradicting URL, are refused with the setting and without the password', async (t) => {
  const folder = t.testdir({ 'ca.pem': rootCertificates[0] ?? '', empty: '' })
  t.match(problemsOf(DATABASE, `${folder}/missing`), [/^DATABASE_SSL_CA_FILE: expected a file with a certificate in PEM, found ENOENT/])
  t.match(problemsOf(DATABASE, `${folder}/empty`), [/^DATABASE_SSL_CA_FILE: expected a file with a certificate in PEM/])
  for (const mode of ['disable', 'prefer', 'no-verify', 'verify-ca']) {
    t.match(problemsOf(`${DATABASE}?sslmode=${mode}`, `${folder}/ca.pem`), [new RegExp(`^DATABASE_URL: expected sslmode=verify-full beside DATABASE_SSL_CA_FILE, or none, found sslmode=${mode}$`)])
  }
  t.match(problemsOf(`${DATABASE}?sslrootcert=/x`, `${folder}/ca.pem`), [/^DATABASE_URL: expected no sslrootcert/])
  t.notMatch(problemsOf(`${DATABASE}?sslmode=disable`, `${folder}/ca.pem`).join(), /secret/)
})

t.test('a private certificate authority: only the right host name is accepted, and renewal needs no restart', async (t) => {
  const [ours, other] = [t.testdir({ ours: {}, other: {} })].flatMap((folder) => [`${folder}/ours`, `${folder}/other`]) as [string, string]
  const files = await certificates(ours, 'localhost')
  const strange = await certificates(other, 'localhost')
  const url = await startWithTls(t, files)
  const file = `${ours}/used.pem`
  const connect = async (host: string) => {
    const { DATABASE_URL } = withDatabaseTls({ DATABASE_URL: Object.assign(new URL(url), { hostname: host }).href, DATABASE_SSL_CA_FILE: file })
    const pool = createPool({ url: DATABASE_URL, applicationName: 'test', max: 1, logger: createLogger({ name: 'test', level: 'silent' }) })
    return { pool, encrypted: async () => (await pool.query<{ ssl: boolean }>('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')).rows[0]?.ssl }
  }
  await copyFile(strange.ca, file)
  const first = await connect('localhost')
  t.teardown(() => first.pool.end())
  await until(() => first.encrypted().then(() => false, (error: Error) => /certificate|self-signed|signature/i.test(error.message)), { what: 'a stranger\'s certificate to be refused' })
  await copyFile(files.ca, file)
  t.equal(await first.encrypted(), true, 'the same pool, with the renewed authority')

  const wrongName = await connect('127.0.0.1')
  t.teardown(() => wrongName.pool.end())
  await t.rejects(wrongName.encrypted(), /does not match|altnames/i, 'not by another name than its certificate has')
})
