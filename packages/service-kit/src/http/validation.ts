import { Ajv, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import type { FastifyInstance } from 'fastify'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Parts of a request in which everything is text. */
const TEXT = new Set(['querystring', 'params', 'headers'])

/** Each value has one spelling: `1e1`, `0x10`, `01`, `+1` and ` 1` are not integers, `1` and `TRUE` are not booleans. */
const PARSERS: Record<string, (text: string) => unknown> = {
  integer: (text) => /^(0|-?[1-9]\d*)$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : text,
  number: (text) => String(Number(text)) === text && Number.isFinite(Number(text)) ? Number(text) : text,
  boolean: (text) => text === 'true' ? true : text === 'false' ? false : text
}

interface TextValidator {
  (values: Record<string, unknown>): boolean
  /** Fastify reads them from here. */
  errors: NonNullable<ValidateFunction['errors']> | null
}

interface ObjectSchema {
  properties?: Record<string, { type?: unknown }>
}

/**
 * Validates exactly what the schemas say. Fastify's default validator turns `true` and `[5]` into numbers and numbers into
 * strings, and drops unknown fields: the stored body would differ from the one that was sent. URLs and headers contain only
 * text, so numbers and booleans are parsed there, each in its one spelling. A parameter that is given twice is not a number.
 */
export function useStrictValidation (app: FastifyInstance): void {
  const ajv = new Ajv({ removeAdditional: false, useDefaults: true, allErrors: false, strict: false, coerceTypes: false })
  addFormats.default(ajv)
  // The format of ajv-formats also accepts `urn:uuid:…`, which Postgres does not.
  ajv.addFormat('uuid', UUID)
  app.setValidatorCompiler<object>(({ schema, httpPart }) => {
    const validate = ajv.compile(schema)
    const parsers = TEXT.has(httpPart ?? '') ? parsersOf(schema) : []
    if (parsers.length === 0) return validate
    const validateText: TextValidator = Object.assign((values: Record<string, unknown>) => {
      for (const [name, parse] of parsers) if (typeof values[name] === 'string') values[name] = parse(values[name])
      const valid = validate(values)
      validateText.errors = validate.errors ?? null
      return valid
    }, { errors: null })
    return validateText
  })
}

function parsersOf (schema: ObjectSchema): Array<[name: string, parse: (text: string) => unknown]> {
  return Object.entries(schema.properties ?? {}).flatMap(([name, { type }]) => {
    const parse = PARSERS[String(type)]
    return parse === undefined ? [] : [[name, parse] as [string, typeof parse]]
  })
}
