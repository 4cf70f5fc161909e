import { Ajv, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import type { FastifyInstance } from 'fastify'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Parts of a request in which everything is text. */
const TEXT = new Set(['querystring', 'params', 'headers'])

/** How a value is written there: in one way only. `1e1`, `0x10`, `01`, `+1` and ` 1` are no integers, `1` and `TRUE` no booleans. */
const READERS: Record<string, (text: string) => unknown> = {
  integer: (text) => /^(0|-?[1-9]\d*)$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : text,
  number: (text) => String(Number(text)) === text && Number.isFinite(Number(text)) ? Number(text) : text,
  boolean: (text) => text === 'true' ? true : text === 'false' ? false : text
}

interface TextValidator {
  (values: Record<string, unknown>): boolean
  /** Where Fastify looks for them. */
  errors: NonNullable<ValidateFunction['errors']> | null
}

interface ObjectSchema {
  properties?: Record<string, { type?: unknown }>
}

/**
 * Validates as strictly as the schemas say. Fastify's own validator turns `true` and `[5]` into numbers, numbers into
 * strings, and drops fields that it does not know: a body would be stored that nobody sent. In a URL and in headers
 * everything is text: numbers are read from it, in the one way that they are written. What is given twice is no number.
 */
export function useStrictValidation (app: FastifyInstance): void {
  const ajv = new Ajv({ removeAdditional: false, useDefaults: true, allErrors: false, strict: false, coerceTypes: false })
  addFormats.default(ajv)
  // The format's own also takes `urn:uuid:…`, which Postgres does not.
  ajv.addFormat('uuid', UUID)
  app.setValidatorCompiler<object>(({ schema, httpPart }) => {
    const validate = ajv.compile(schema)
    const readers = TEXT.has(httpPart ?? '') ? readersOf(schema) : []
    if (readers.length === 0) return validate
    const validateText: TextValidator = Object.assign((values: Record<string, unknown>) => {
      for (const [name, read] of readers) if (typeof values[name] === 'string') values[name] = read(values[name])
      const valid = validate(values)
      validateText.errors = validate.errors ?? null
      return valid
    }, { errors: null })
    return validateText
  })
}

function readersOf (schema: ObjectSchema): Array<[name: string, read: (text: string) => unknown]> {
  return Object.entries(schema.properties ?? {}).flatMap(([name, { type }]) => {
    const read = READERS[String(type)]
    return read === undefined ? [] : [[name, read] as [string, typeof read]]
  })
}
