import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { nearest } from './nearest.ts'

/** Timeouts that the server enforces. In the URL they override the service's own. */
export const SERVER_TIMEOUTS: readonly string[] = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']
const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify']
const SSL_FILES = ['sslrootcert', 'sslcert', 'sslkey'] as const
/** The driver takes any other text, also `false`, for a request to use TLS. */
const SSL_VALUES = ['true', '1', '0', 'no-verify']
const NUMBERS: readonly string[] = [...SERVER_TIMEOUTS, 'query_timeout']
/** The parameters that the driver knows. It ignores all others silently, even `sslmod=require`. */
const PARAMETERS = [
  'application_name', 'client_encoding', 'fallback_application_name', 'host', 'options', 'password', 'port', 'ssl', 'sslmode', 'sslnegotiation',
  'user', 'uselibpqcompat', ...SSL_FILES, ...NUMBERS
]
const SCHEME = /^postgres(ql)?:\/\//
/** URL parsers drop tabs and line breaks silently: a password would lose them. */
// eslint-disable-next-line no-control-regex
const BLANK = /[\s\u0000-\u001f]/
const HOW_TO_ESCAPE = 'in a user name or password write % as %25, / as %2F, # as %23, ? as %3F, : as %3A, @ as %40, and a space as %20'

/**
 * The problems of a database URL. Messages do not repeat the URL, which contains a password. Reads the certificates that it names.
 *
 * The driver refuses few of these. With a `#` in the password it looks for a host called `user`. It never finds the host
 * `a,b`. With a misspelt `sslmode` it connects without TLS. Each would be an endless outage, or worse.
 */
export function databaseUrlProblems (text: string): string[] {
  if (!SCHEME.test(text)) return ['expected postgres://user:password@host:port/database, found another beginning']
  if (BLANK.test(text)) return [`expected a URL without spaces, tabs and line ends, found one; ${HOW_TO_ESCAPE}`]
  if (/%(?![0-9a-f]{2})/i.test(text)) return [`expected % to begin an escape such as %25, found another one; ${HOW_TO_ESCAPE}`]
  if (text.includes('#')) return [`expected no unescaped #, found one; ${HOW_TO_ESCAPE}`]
  const authority = text.replace(SCHEME, '').split(/[/?]/, 1)[0] ?? ''
  const hosts = authority.slice(authority.lastIndexOf('@') + 1)
  if (hosts.includes(',')) {
    return ['expected one host, found several: the driver does not support a failover list; use an address that leads to the primary, such as a Kubernetes Service or a pooler']
  }
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return [`expected host and port, such as db:5432 with a port from 1 to 65535, found none; ${HOW_TO_ESCAPE}`]
  }
  try {
    // Postgres ends a name at a NUL, so the rest of it would be lost.
    const parts = [url.username, url.password, url.hostname, url.pathname, url.search].map(decodeURIComponent)
    if (parts.some((part) => part.includes('\0'))) return ['expected a URL without NUL (%00), found one']
  } catch {
    return [`expected escapes that are UTF-8, found others; ${HOW_TO_ESCAPE}`]
  }
  return [...addressProblems(url), ...parameterProblems(url)]
}

function addressProblems (url: URL): string[] {
  const problems: string[] = []
  const host = url.searchParams.get('host') ?? decodeURIComponent(url.hostname)
  const port = url.searchParams.get('port') ?? url.port
  const database = url.pathname.slice(1)
  if (host === '') problems.push('expected a host, found none')
  if (host.includes(',')) problems.push('expected one host, found several: the driver does not support a failover list')
  if (port !== '' && !(/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535)) problems.push('expected a port from 1 to 65535, found another')
  if (database === '') problems.push('expected a database behind the host, as in db:5432/orders, found none')
  else if (/[/@]/.test(database)) problems.push(`expected the name of a database behind the host, found more than one / or an @; ${HOW_TO_ESCAPE}`)
  return problems
}

function parameterProblems ({ searchParams }: URL): string[] {
  const problems: string[] = []
  for (const name of new Set(searchParams.keys())) {
    if (PARAMETERS.includes(name)) {
      // The driver takes the last one, and this check would see the first: `sslmode=require&sslmode=disable` turns TLS off.
      if (searchParams.getAll(name).length > 1) problems.push(`expected ${name} once, found it more than once`)
      continue
    }
    // What follows an unescaped ? may be part of a password: do not repeat it unless it looks like a parameter.
    const shown = /^[\w.-]{1,40}$/.test(name) ? ` ${name}` : ''
    const close = nearest(name, PARAMETERS)
    problems.push(`the driver has no parameter${shown}${close === undefined ? `, expected one of ${PARAMETERS.join(', ')}` : `, did you mean ${close}?`}`)
  }
  for (const name of NUMBERS) {
    const value = searchParams.get(name)
    if (value !== null && !/^\d{1,9}$/.test(value)) problems.push(`expected ${name} in milliseconds, as digits, found something else`)
  }
  const mode = searchParams.get('sslmode')
  if (mode !== null && !SSL_MODES.includes(mode)) problems.push(`expected sslmode to be one of ${SSL_MODES.join(', ')}, found another`)
  const ssl = searchParams.get('ssl')
  if (ssl !== null && !SSL_VALUES.includes(ssl)) problems.push(`expected ssl to be one of ${SSL_VALUES.join(', ')}, found another; sslmode=disable turns TLS off`)
  if (mode === 'verify-ca' && searchParams.get('uselibpqcompat') === 'true' && !searchParams.has('sslrootcert')) problems.push('expected sslrootcert together with sslmode=verify-ca, found none')
  if (searchParams.has('sslcert') !== searchParams.has('sslkey')) problems.push('expected sslcert and sslkey together, found one of them')
  const negotiation = searchParams.get('sslnegotiation')
  if (negotiation !== null && negotiation !== 'postgres' && negotiation !== 'direct') problems.push('expected sslnegotiation to be one of postgres, direct, found another')
  if (negotiation === 'direct' && (mode === 'disable' || (mode === null && ssl === '0'))) problems.push('expected TLS together with sslnegotiation=direct, found it turned off')
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
 * Parses `-c name=value --name=value`, the syntax of Postgres's command line: separated by spaces, with a backslash before a
 * space that belongs to a value.
 *
 * @returns undefined for any other text
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
  /** For the driver, without the settings that are set when the session begins. */
  connectionString: string
  /** Session settings from the URL. */
  settings: ReadonlyMap<string, string>
}

/** Splits the session settings off a URL. Left in it, they would replace the service's own settings, or be replaced by them. */
export function splitDatabaseUrl (text: string): DatabaseUrlParts {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    // Only a service's URL was checked before. For others, the driver reports the error.
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
