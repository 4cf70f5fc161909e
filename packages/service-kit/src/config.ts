import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import type { Static, TObject } from 'typebox'

/** Settings that cannot be used. Lists everything that is wrong, each with its variable. */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID'
  readonly problems: readonly string[]

  constructor (problems: readonly string[]) {
    super(`the settings cannot be used:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

export interface LoadConfigOptions {
  /** A variable that begins so and is not in the schema is a typing error, and refused. */
  prefixes: readonly string[]
  env?: NodeJS.ProcessEnv
}

interface PropertySchema {
  type?: string
  enum?: readonly string[]
  default?: unknown
  description?: string
}

/**
 * Reads the settings of a service from its environment: the property names of the schema are the variables' names.
 * `X_FILE` gives the value of `X` by a file, for secrets that are mounted. An empty value counts as not set.
 *
 * @throws ConfigError
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
  const unparsed = new Set(problems.map((problem) => problem.split(':', 1)[0]))
  problems.push(...validate(schema, values).filter((problem) => !unparsed.has(problem.split(':', 1)[0])))
  if (problems.length > 0) throw new ConfigError(problems)
  return Object.freeze(values) as Readonly<Static<T>>
}

function unknownVariables (known: readonly string[], prefixes: readonly string[], env: NodeJS.ProcessEnv): string[] {
  const names = new Set(known.flatMap((name) => [name, `${name}_FILE`]))
  return Object.keys(env)
    .filter((name) => prefixes.some((prefix) => name.startsWith(prefix)) && !names.has(name))
    .map((name) => {
      const close = nearest(name, known)
      return `${name}: there is no such setting${close === undefined ? '' : `, did you mean ${close}?`}`
    })
}

function readVariable (name: string, env: NodeJS.ProcessEnv): string | undefined {
  const value = env[name]
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

/** Stricter than a coercion, which would take '', ' 7' or '1e999' for a number. */
function parse (text: string, { type }: PropertySchema): unknown {
  switch (type) {
    case 'integer':
    case 'number':
      if (!/^-?\d+(\.\d+)?$/.test(text) || text.length > 16) throw new Error(`expected a number, found ${JSON.stringify(text)}`)
      return Number(text)
    case 'boolean':
      if (text !== 'true' && text !== 'false') throw new Error(`expected true or false, found ${JSON.stringify(text)}`)
      return text === 'true'
    default:
      return text
  }
}

/** Also fills the defaults in. The values themselves are not repeated in a message: some are secrets. */
function validate (schema: TObject, values: Record<string, unknown>): string[] {
  const ajv = new Ajv({ allErrors: true, useDefaults: true, strict: false })
  addFormats.default(ajv)
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

function nearest (name: string, known: readonly string[]): string | undefined {
  const [best] = known.map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((a, b) => a.distance - b.distance)
  return best !== undefined && best.distance <= 3 ? best.candidate : undefined
}

/** Levenshtein distance. */
function editDistance (a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1)
      current.push(Math.min(substitution, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}
