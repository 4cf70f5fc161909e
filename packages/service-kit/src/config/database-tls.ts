import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Type } from 'typebox'
import { ConfigError } from './config-error.ts'

export const databaseTlsSettings = {
  DATABASE_SSL_CA_FILE: Type.Optional(Type.String({
    minLength: 1,
    description: 'PEM file with the certificate authority of Postgres. If set, every connection uses TLS and checks the server\'s certificate and host name (`sslmode=verify-full`). The file is read again at every connect. If not set, `sslmode` in DATABASE_URL decides.'
  }))
}

interface DatabaseSettings {
  DATABASE_URL: string
  DATABASE_SSL_CA_FILE?: string | undefined
}

/** The modes that DATABASE_URL may have beside a certificate authority. Others send the password to a server that was not checked. */
const CHECKED_MODES = ['verify-full', 'require']

/**
 * Adds the certificate authority to `DATABASE_URL`, where every client of `pg` finds it. `pg` reads the file at each connect, so
 * a renewed authority needs no restart.
 *
 * @throws ConfigError if the file is not a certificate, or DATABASE_URL contradicts it
 */
export function withDatabaseTls<Config extends DatabaseSettings> (config: Config): Config {
  const { DATABASE_URL: text, DATABASE_SSL_CA_FILE: file } = config
  if (file === undefined) return config
  try {
    // With a file that is not a certificate, every connect would fail forever. Fail at the start instead.
    void new X509Certificate(readFileSync(file))
  } catch (error) {
    throw new ConfigError([`DATABASE_SSL_CA_FILE: expected a file with a certificate in PEM, found ${(error as Error).message}`])
  }
  const query = parameters(text)
  for (const name of ['sslrootcert', 'ssl']) {
    if (query.has(name)) throw new ConfigError([`DATABASE_URL: expected no ${name} beside DATABASE_SSL_CA_FILE, found one; remove it`])
  }
  const mode = query.get('sslmode')
  if (mode !== null && !CHECKED_MODES.includes(mode)) {
    throw new ConfigError([`DATABASE_URL: expected sslmode=verify-full beside DATABASE_SSL_CA_FILE, or none, found sslmode=${mode}`])
  }
  query.delete('sslmode')
  query.delete('uselibpqcompat')
  query.set('sslmode', 'verify-full')
  query.set('sslrootcert', file)
  return Object.freeze({ ...config, DATABASE_URL: `${text.split('?', 1)[0]}?${query.toString()}` })
}

/** Not parsed with `URL`, which changes passwords and hosts that it does not accept. */
function parameters (url: string): URLSearchParams {
  const at = url.indexOf('?')
  return new URLSearchParams(at === -1 ? '' : url.slice(at + 1))
}
