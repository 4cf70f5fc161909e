import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import type { FastifyInstance } from 'fastify'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * Validates as strictly as the schemas say. Fastify's own validator turns `true` and `[5]` into numbers, numbers into
 * strings, and drops fields that it does not know: a body would be stored that nobody sent. In a URL everything is text,
 * so there numbers are read from it.
 */
export function useStrictValidation (app: FastifyInstance): void {
  const options = { removeAdditional: false, useDefaults: true, allErrors: false, strict: false } as const
  const strict = new Ajv({ ...options, coerceTypes: false })
  const fromText = new Ajv({ ...options, coerceTypes: true })
  for (const ajv of [strict, fromText]) {
    addFormats.default(ajv)
    // The format's own also takes `urn:uuid:…`, which Postgres does not.
    ajv.addFormat('uuid', UUID)
  }
  app.setValidatorCompiler<object>(({ schema, httpPart }) =>
    (httpPart === 'querystring' || httpPart === 'params' ? fromText : strict).compile(schema))
}
