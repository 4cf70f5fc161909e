import pg from 'pg'
import { SERVER_TIMEOUTS } from './database-url.ts'

const DEADLINE_MS = 5_000

/**
 * What the services' code depends on. A server, database or role may have other defaults: with `DateStyle = German` no time
 * could be read, in a serializable database a change that meets another one would be an outage, and with another
 * `search_path` there would be no tables.
 */
const REQUIRED: ReadonlyMap<string, string> = new Map([
  ['client_encoding', 'UTF8'],
  ['datestyle', 'ISO, MDY'],
  ['intervalstyle', 'postgres'],
  ['timezone', 'UTC'],
  ['extra_float_digits', '1'],
  ['bytea_output', 'hex'],
  ['standard_conforming_strings', 'on'],
  ['array_nulls', 'on'],
  ['transform_null_equals', 'off'],
  ['default_transaction_isolation', 'read committed'],
  ['default_transaction_read_only', 'off'],
  ['default_transaction_deferrable', 'off']
])

/** Where the migrations make the tables. `pg_temp` last: nobody's temporary table stands before one of ours. */
const SEARCH_PATH = ['search_path', 'public, pg_temp'] as const

type Settings = Iterable<readonly [name: string, value: string]>

export interface WantedSettings {
  /** What holds where the URL says nothing. */
  defaults: Settings
  /** What the URL says. */
  ofUrl: Settings
  /** What holds whatever the URL says. */
  fixed: Settings
}

/**
 * All settings of a session. Of the URL's, those that stand against a default: the others are in the startup message, and
 * some of them cannot be set later.
 */
export function sessionSettings ({ defaults, ofUrl, fixed }: WantedSettings): Map<string, string> {
  const settings = new Map([SEARCH_PATH, ...defaults])
  for (const [name, value] of ofUrl) if (settings.has(name) || SERVER_TIMEOUTS.includes(name)) settings.set(name, value)
  return new Map([...settings, ...fixed, ...REQUIRED])
}

/**
 * Sets them, in one round trip, after the connect and not in the startup message: a pooler such as PgBouncer refuses what it
 * does not know there, or ignores it.
 *
 * @returns the server process that answered
 */
export async function beginSession (client: pg.ClientBase, settings: ReadonlyMap<string, string>): Promise<number> {
  const statement: pg.QueryConfig & { query_timeout: number } = { text: beginStatement(settings), query_timeout: DEADLINE_MS }
  const { rows: [row] } = await client.query<{ pid: number }>(statement)
  return row?.pid ?? 0
}

function beginStatement (settings: ReadonlyMap<string, string>): string {
  const calls = [...settings].map(([name, value]) => `pg_catalog.set_config(${pg.escapeLiteral(name)}, ${pg.escapeLiteral(value)}, false)`)
  return `SELECT pg_catalog.pg_backend_pid() AS pid, ${calls.join(', ')}`
}
