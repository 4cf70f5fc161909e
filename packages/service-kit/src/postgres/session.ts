import pg from 'pg'
import { SERVER_TIMEOUTS } from '../config/database-url.ts'

const DEADLINE_MS = 5_000

/**
 * The settings that the services' code depends on. A server, database or role may have other defaults. With `DateStyle = German`
 * times cannot be parsed. In a serializable database concurrent changes look like an outage. With another `search_path` the
 * tables are not found.
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

/** The schema of the migrations. `pg_temp` is last, so that no temporary table hides one of ours. */
const SEARCH_PATH = ['search_path', 'public, pg_temp'] as const

/**
 * Defaults of a role that end idle sessions and long transactions. They would end the sessions that listen, and a long migration;
 * the services have timeouts of their own. The URL can override them.
 */
const NO_TIMEOUTS = [['idle_session_timeout', '0'], ['transaction_timeout', '0']] as const
/** Settings that older servers do not know: `transaction_timeout` is there since Postgres 17. */
const NEWER: ReadonlySet<string> = new Set(['transaction_timeout'])

type Settings = Iterable<readonly [name: string, value: string]>

export interface WantedSettings {
  /** The URL can override these. */
  defaults: Settings
  /** From the URL. */
  ofUrl: Settings
  /** The URL cannot override these. */
  fixed: Settings
}

/**
 * All settings of a session. Of the URL's settings, only those that override a default: the others are in the startup message,
 * and some of them cannot be set later.
 */
export function sessionSettings ({ defaults, ofUrl, fixed }: WantedSettings): Map<string, string> {
  const settings = new Map([SEARCH_PATH, ...NO_TIMEOUTS, ...defaults])
  for (const [name, value] of ofUrl) if (settings.has(name) || SERVER_TIMEOUTS.includes(name)) settings.set(name, value)
  return new Map([...settings, ...fixed, ...REQUIRED])
}

/**
 * Applies the settings in one round trip, after the connect. Not in the startup message: a pooler such as PgBouncer refuses or
 * ignores the ones that it does not know there.
 *
 * @returns the process id of the server process that answered
 */
export async function beginSession (client: pg.ClientBase, settings: ReadonlyMap<string, string>): Promise<number> {
  const statement: pg.QueryConfig & { query_timeout: number } = { text: beginStatement(settings), query_timeout: DEADLINE_MS }
  const { rows: [row] } = await client.query<{ pid: number }>(statement)
  return row?.pid ?? 0
}

function beginStatement (settings: ReadonlyMap<string, string>): string {
  const calls = [...settings].map(([name, value]) => {
    const call = `pg_catalog.set_config(${pg.escapeLiteral(name)}, ${pg.escapeLiteral(value)}, false)`
    return NEWER.has(name) ? `CASE WHEN pg_catalog.current_setting(${pg.escapeLiteral(name)}, true) IS NOT NULL THEN ${call} END` : call
  })
  return `SELECT pg_catalog.pg_backend_pid() AS pid, ${calls.join(', ')}`
}
