import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { nearest } from '../config/nearest.ts'

/** Time-outs that the server keeps. Given in the URL they win over the service's own. */
export const SERVER_TIMEOUTS: readonly string[] = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']
const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify']
const SSL_FILES = ['sslrootcert', 'sslcert', 'sslkey'] as const
const NUMBERS: readonly string[] = [...SERVER_TIMEOUTS, 'query_timeout']
/** What the driver takes from a URL. Anything else it ignores without a word, `sslmod=require` too. */
const PARAMETERS = [
  'application_name', 'client_encoding', 'fallback_application_name', 'host', 'options', 'password', 'port', 'ssl', 'sslmode', 'sslnegotiation',
  'user', 'uselibpqcompat', ...SSL_FILES, ...NUMBERS
]
const SCHEME = /^postgres(ql)?:\/\//
/** URL parsers drop tabs and line ends silently: a password would lose them. */
// eslint-disable-next-line no-control-regex
const BLANK = /[\s\u0000-\u001f]/
const HOW_TO_ESCAPE = 'in a user name or password write % as %25, / as %2F, # as %23, ? as %3F, : as %3A, @ as %40, and a space as %20'

/**
 * What is wrong with a database URL, without the URL: it has a password in it. Reads the certificates that it names.
 *
 * The driver itself refuses few of these. It looks for a host called `user` when the password has a `#`, never finds the
 * host `a,b`, and connects without TLS when `sslmode` is misspelt: each would be an outage without end, or worse.
 */
export function databaseUrlProblems (text: string): string[] {
  if (!SCHEME.test(text)) return ['expected postgres://user:password@host:port/database, found another beginning']
  if (BLANK.test(text)) return [`expected a URL without spaces, tabs and line ends, found one; ${HOW_TO_ESCAPE}`]
  if (/%(?![0-9a-f]{2})/i.test(text)) return [`expected % to begin an escape such as %25, found another one; ${HOW_TO_ESCAPE}`]
  if (text.includes('#')) return [`expected no unescaped #, found one; ${HOW_TO_ESCAPE}`]
  const authority = text.replace(SCHEME, '').split(/[/?]/, 1)[0] ?? ''
  const hosts = authority.slice(authority.lastIndexOf('@') + 1)
  if (hosts.includes(',')) {
    return ['expected one host, found several: the driver knows no fail-over list; name an address that leads to the primary, such as a Kubernetes Service or a pooler']
  }
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return [`expected host and port, such as db:5432 with a port from 1 to 65535, found none that can be read; ${HOW_TO_ESCAPE}`]
  }
  try {
    for (const part of [url.username, url.password, url.hostname, url.pathname, url.search]) decodeURIComponent(part)
  } catch {
    return [`expected escapes that are UTF-8, found others; ${HOW_TO_ESCAPE}`]
  }
  return [...addressProblems(url), ...parameterProblems(url)]
}

function addressProblems (url: URL): string[] {
  const problems: string[] = []
  const host = url.searchParams.get('host') ?? url.hostname
  const port = url.searchParams.get('port') ?? url.port
  const database = url.pathname.slice(1)
  if (host === '') problems.push('expected a host, found none')
  if (host.includes(',')) problems.push('expected one host, found several: the driver knows no fail-over list')
  if (port !== '' && !(/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535)) problems.push('expected a port from 1 to 65535, found another')
  if (database === '') problems.push('expected a database behind the host, as in db:5432/orders, found none')
  else if (/[/@]/.test(database)) problems.push(`expected the name of a database behind the host, found more than one / or an @; ${HOW_TO_ESCAPE}`)
  return problems
}

function parameterProblems ({ searchParams }: URL): string[] {
  const problems: string[] = []
  for (const name of new Set(searchParams.keys())) {
    if (PARAMETERS.includes(name)) continue
    // Of a name that was meant for a password: what is behind an unescaped ? is no parameter.
    const shown = /^[\w.-]{1,40}$/.test(name) ? ` ${name}` : ''
    const close = nearest(name, PARAMETERS)
    problems.push(`there is no parameter${shown}${close === undefined ? ` in the driver, known are ${PARAMETERS.join(', ')}` : `, did you mean ${close}?`}`)
  }
  for (const name of NUMBERS) {
    const value = searchParams.get(name)
    if (value !== null && !/^\d{1,9}$/.test(value)) problems.push(`expected ${name} in milliseconds, as digits, found something else`)
  }
  const mode = searchParams.get('sslmode')
  if (mode !== null && !SSL_MODES.includes(mode)) problems.push(`expected sslmode to be one of ${SSL_MODES.join(', ')}, found another`)
  if (mode === 'verify-ca' && searchParams.get('uselibpqcompat') === 'true' && !searchParams.has('sslrootcert')) problems.push('expected sslrootcert together with sslmode=verify-ca, found none')
  if (searchParams.has('sslcert') !== searchParams.has('sslkey')) problems.push('expected sslcert and sslkey together, found one of them')
  const negotiation = searchParams.get('sslnegotiation')
  if (negotiation !== null && negotiation !== 'postgres' && negotiation !== 'direct') problems.push('expected sslnegotiation to be one of postgres, direct, found another')
  const encoding = searchParams.get('client_encoding')
  if (encoding !== null && !/^(utf-?8|auto)$/i.test(encoding)) problems.push('expected client_encoding UTF8, the only one that the services speak, found another')
  for (const name of SSL_FILES) {
    const file = searchParams.get(name)
    if (file !== null) problems.push(...fileProblems(name, file))
  }
  const options = searchParams.get('options')
  if (options !== null && parseSessionOptions(options) === undefined) problems.push('expected options as -c name=value, found something else')
  return problems
}

function fileProblems (name: typeof SSL_FILES[number], file: string): string[] {
  try {
    const content = readFileSync(file)
    if (name !== 'sslkey') void new X509Certificate(content)
    else if (!content.includes('PRIVATE KEY-----')) throw new Error('no private key in PEM')
    return []
  } catch (error) {
    return [`expected ${name} to name a file in PEM that can be read, found ${(error as Error).message}`]
  }
}

/**
 * The settings in `-c name=value --name=value`, as Postgres takes them on its command line: separated by blanks, a backslash
 * before one that belongs to a value. @returns undefined for anything else
 */
export function parseSessionOptions (text: string): Map<string, string> | undefined {
  const words = text.match(/(?:\\.|[^\s\\])+/gs) ?? []
  const settings = new Map<string, string>()
  while (words.length > 0) {
    let word = words.shift()?.replace(/\\(.)/gs, '$1') ?? ''
    if (word === '-c') word = words.shift()?.replace(/\\(.)/gs, '$1') ?? ''
    else if (/^(-c|--)/.test(word)) word = word.slice(2)
    else return undefined
    const [, name, value] = /^([A-Za-z_][\w.-]*)=(.*)$/s.exec(word) ?? []
    if (name === undefined || value === undefined) return undefined
    settings.set(name.replaceAll('-', '_').toLowerCase(), value)
  }
  return settings
}

export interface DatabaseUrlParts {
  /** For the driver: without what is set when the session begins. */
  connectionString: string
  /** Settings that whoever wrote the URL wants for the session. */
  settings: ReadonlyMap<string, string>
}

/** Takes the settings of the session out of a URL: in it they would replace the service's own, or be replaced by them. */
export function splitDatabaseUrl (text: string): DatabaseUrlParts {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    // Not checked before, for it is not a service's: the driver says what it thinks of it.
    return { connectionString: text, settings: new Map() }
  }
  const settings = new Map(parseSessionOptions(url.searchParams.get('options') ?? '') ?? [])
  for (const name of SERVER_TIMEOUTS) {
    const value = url.searchParams.get(name)
    if (value !== null) settings.set(name, value)
    url.searchParams.delete(name)
  }
  url.searchParams.delete('client_encoding')
  return { connectionString: url.href, settings }
}
