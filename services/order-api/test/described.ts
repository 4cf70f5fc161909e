import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { Test } from 'tap'

interface Response {
  headers?: Record<string, unknown>
  content: Record<string, unknown>
}

interface Document {
  info: { version: string }
  paths: Record<string, Record<string, { responses: Record<string, Response> }>>
}

export const openApi = JSON.parse(readFileSync(new URL('../openapi.json', import.meta.url), 'utf8')) as Document

const ajv = new Ajv2020({ strict: false })
addFormats.default(ajv)
ajv.addSchema(openApi, 'openapi.json')

export interface Answered {
  method: string
  /** With or without the query. */
  path: string
  status: number
  header: (name: string) => string | undefined
  body: string
}

/** Checks an answer against openapi.json, which must describe its status, content type, body and headers. */
export function assertDescribed (t: Test, { method, path, status, header, body }: Answered): void {
  const what = `${method} ${path.slice(0, 80)} ${status}`
  const type = header('content-type')?.split(';', 1)[0] ?? 'none'
  const template = templateOf(path)
  const responses = template === undefined ? undefined : openApi.paths[template]?.[method.toLowerCase()]?.responses
  if (responses === undefined) {
    // Not a route of the document: the answer must be a problem.
    t.equal(type, 'application/problem+json', `${what} is a problem`)
    t.match(JSON.parse(body), { type: /^urn:problem:/, title: String, status, detail: String }, what)
    return
  }
  const response = responses[status]
  t.ok(response?.content[type], `openapi.json describes ${what} ${type}`)
  for (const name of ['location', 'retry-after', 'idempotency-replayed']) {
    if (header(name) !== undefined) t.ok(response?.headers?.[name], `openapi.json describes the header ${name} of ${what}`)
  }
  const pointer = ['paths', template ?? '', method.toLowerCase(), 'responses', String(status), 'content', type, 'schema']
  const validate = ajv.getSchema(`openapi.json#/${pointer.map(encodePointer).join('/')}`)
  t.ok(validate?.(JSON.parse(body)), `the body of ${what} is as openapi.json says: ${ajv.errorsText(validate?.errors)}`)
}

function templateOf (path: string): string | undefined {
  const segments = path.split('?', 1)[0]?.split('/') ?? []
  return Object.keys(openApi.paths).find((template) => {
    const parts = template.split('/')
    return parts.length === segments.length && parts.every((part, index) => part.startsWith('{') || part === segments[index])
  })
}

function encodePointer (segment: string): string {
  return encodeURIComponent(segment.replaceAll('~', '~0').replaceAll('/', '~1'))
}
