import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import type { Static, TObject } from 'typebox'
import { ConfigError } from './config-error.ts'
import { databaseUrlProblems } from './database-url.ts'
import { isForeign, isServiceLink } from './foreign-variables.ts'
import { nearest } from './nearest.ts'
import { httpSettings, logSettings, opsSettings, postgresSettings, shutdownSettings } from './settings.ts'

/** Several programs share these prefixes, and often one environment. A setting of another program is not a typo here. */
const SHARED_SETTINGS = Object.keys({ ...postgresSettings, ...httpSettings, ...opsSettings, ...logSettings, ...shutdownSettings })
const SHARED_PREFIXES = ['DATABASE_', 'HTTP_', 'KAFKA_', 'LOG_', 'OPS_', 'SHUTDOWN_']

/** Checks that a schema cannot express, by the `format` of the property. Each returns the problems it found. */
const FORMATS: Readonly<Record<string, (text: string) => string[]>> = { 'database-url': databaseUrlProblems }

export interface LoadConfigOptions {
  /**
   * A variable with such a prefix that is not in the schema is a typo, and is refused. The prefixes that the services share
   * (`DATABASE_`, `KAFKA_` …) count too, if the schema has a setting with that prefix.
   */
  prefixes: readonly string[]
  env?: NodeJS.ProcessEnv
}

interface PropertySchema {
  type?: string
  format?: string
  enum?: readonly string[]
  default?: unknown
  description?: string
}

/**
 * Reads the settings of a service from its environment. The property names of the schema are the names of the variables.
 * `X_FILE` names a file with the value of `X`, for mounted secrets. An empty value counts as not set.
 *
 * @throws ConfigError with every problem, not only the first
 */
export function loadConfig<T extends TObject> (schema: T, { prefixes, env = process.env }: LoadConfigOptions): Readonly<Static<T>> {
  const properties = schema.properties as Record<string, PropertySchema>
  const problems = unknownVariables(Object.keys(properties), prefixes, env)
  const values: Record<string, unknown> = {}
  for (const [name, property] of Object.entries(properties)) {
    try {
      const text = readVariable(name, env)
      if (text !== undefined) values[name] = parse(text, property)
    } catch (error) {
      problems.push(`${name}: ${(error as Error).message}`)
    }
  }
  for (const found of [validate(schema, values), malformed(properties, values), samePort(values)]) {
    const named = new Set(problems.map((problem) => problem.split(':', 1)[0]))
    problems.push(...found.filter((problem) => !named.has(problem.split(':', 1)[0])))
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return Object.freeze(values) as Readonly<Static<T>>
}

function unknownVariables (known: readonly string[], prefixes: readonly string[], env: NodeJS.ProcessEnv): string[] {
  const shared = SHARED_PREFIXES.filter((prefix) => known.some((name) => name.startsWith(prefix)))
  const candidates = [...known, ...SHARED_SETTINGS]
  const names = new Set(candidates.flatMap((name) => [name, `${name}_FILE`]))
  return Object.keys(env)
    .filter((name) => [...prefixes, ...shared].some((prefix) => name.startsWith(prefix)) && !names.has(name) && !isForeign(name, env[name]))
    .map((name) => {
      const close = nearest(name, known)
      return `${name}: there is no such setting${close === undefined ? '' : `, did you mean ${close}?`}`
    })
}

function readVariable (name: string, env: NodeJS.ProcessEnv): string | undefined {
  const value = isServiceLink(name, env[name]) ? undefined : env[name]
  const file = env[`${name}_FILE`]
  if (value !== undefined && value !== '') {
    if (file !== undefined && file !== '') throw new Error(`set together with ${name}_FILE, expected one of them`)
    return value
  }
  if (file === undefined || file === '') return undefined
  try {
    return readFileSync(file, 'utf8').trimEnd()
  } catch (error) {
    throw new Error(`${name}_FILE cannot be read: ${(error as Error).message}`)
  }
}

/** Stricter than Ajv's coercion, which accepts '', ' 7' and '1e999' as numbers. */
function parse (text: string, { type }: PropertySchema): unknown {
  switch (type) {
    case 'integer':
    case 'number':
      // 007 would be octal elsewhere, and 1.0 is what a template made of 1.
      if (type === 'integer' && /^(-?0\d+|-0|-?\d+\.0+)$/.test(text)) throw new Error(`expected a number without leading zeros and without a fraction, found ${JSON.stringify(text)}`)
      if (!/^-?\d+(\.\d+)?$/.test(text) || text.length > 16) throw new Error(`expected a number, found ${JSON.stringify(text)}`)
      return Number(text)
    case 'boolean':
      if (text !== 'true' && text !== 'false') throw new Error(`expected true or false, found ${JSON.stringify(text)}`)
      return text === 'true'
    default:
      return text
  }
}

/** Messages do not repeat the value: it may be a secret. */
function malformed (properties: Record<string, PropertySchema>, values: Record<string, unknown>): string[] {
  return Object.entries(properties).flatMap(([name, { format = '' }]) => {
    const value = values[name]
    const problemsOf = FORMATS[format]
    return problemsOf === undefined || typeof value !== 'string' ? [] : problemsOf(value).map((problem) => `${name}: ${problem}`)
  })
}

/** With one port for both, the service would start, bind the first and fail at the second. Port 0 takes two free ones. */
function samePort ({ HTTP_HOST, HTTP_PORT, OPS_HOST, OPS_PORT }: Record<string, unknown>): string[] {
  const isEvery = (host: unknown) => host === '0.0.0.0' || host === '::'
  if (HTTP_PORT === undefined || HTTP_PORT === 0 || HTTP_PORT !== OPS_PORT) return []
  if (HTTP_HOST !== OPS_HOST && !isEvery(HTTP_HOST) && !isEvery(OPS_HOST)) return []
  return [`OPS_PORT: expected another port than HTTP_PORT, found ${String(OPS_PORT)} for both`]
}

/** Also fills in the defaults. Messages repeat numbers only: other values may be secrets. */
function validate (schema: TObject, values: Record<string, unknown>): string[] {
  const ajv = new Ajv({ allErrors: true, useDefaults: true, strict: false })
  addFormats.default(ajv)
  for (const format of Object.keys(FORMATS)) ajv.addFormat(format, true)
  const check = ajv.compile(schema)
  if (check(values)) return []
  return (check.errors ?? []).map(({ instancePath, keyword, message = 'is wrong', params }) => {
    if (keyword === 'required') return `${(params as { missingProperty: string }).missingProperty}: expected a value, found none`
    const name = instancePath.slice(1)
    const { enum: allowed, type } = (schema.properties as Record<string, PropertySchema>)[name] ?? {}
    const found = type === 'integer' || type === 'number' ? `, found ${String(values[name])}` : ''
    return `${name}: ${allowed === undefined ? message : `must be one of ${allowed.join(', ')}`}${found}`
  })
}
