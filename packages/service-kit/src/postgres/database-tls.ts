import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Type } from 'typebox'
import { ConfigError } from '../config/config-error.ts'

export const databaseTlsSettings = {
  DATABASE_SSL_CA_FILE: Type.Optional(Type.String({
    minLength: 1,
    description: 'Certificate authority of Postgres, PEM. With it every connection uses TLS, and the server\'s certificate and host name are checked (`sslmode=verify-full`). Read again at every connect. Without it, `sslmode` in DATABASE_URL decides.'
  }))
}

interface DatabaseSettings {
  DATABASE_URL: string
  DATABASE_SSL_CA_FILE?: string | undefined
}

/** What DATABASE_URL may say beside a certificate authority: less would not check the certificate, and send the password anyway. */
const CHECKED_MODES = ['verify-full', 'require']

/**
 * The settings with a `DATABASE_URL` that names the certificate authority, as every client of `pg` takes it: it reads the file at
 * each connect, so a renewed authority needs no restart.
 *
 * @throws ConfigError when the file cannot be used, or DATABASE_URL contradicts it
 */
export function withDatabaseTls<Config extends DatabaseSettings> (config: Config): Config {
  const { DATABASE_URL: text, DATABASE_SSL_CA_FILE: file } = config
  if (file === undefined) return config
  try {
    // Given something that is no certificate, TLS would trust nobody, and say so at every connect, for ever.
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

/** Not by `URL`: what it does to a password or a host it does not like is not our affair here. */
function parameters (url: string): URLSearchParams {
  const at = url.indexOf('?')
  return new URLSearchParams(at === -1 ? '' : url.slice(at + 1))
}
