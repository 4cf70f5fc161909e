import type { FastifyInstance } from 'fastify'
import { ProblemError } from './problem.ts'

/**
 * Reads JSON bodies as Fastify does, and refuses one that names a member twice. JSON.parse takes the last of them, other
 * readers the first: what a gateway in front has checked would not be what is stored.
 */
export function useStrictJson (app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, text, done) => {
    // No body after all (chunked, and no chunk): where one is needed, the schema says so.
    if (text === '') {
      done(null)
      return
    }
    void parse(request, text, (error, body) => {
      const repeated = error === null ? repeatedMember(text) : undefined
      if (repeated === undefined) done(error, body)
      else done(new ProblemError(400, 'invalid-request', `expected each member once, found ${JSON.stringify(repeated)} twice`))
    })
  })
}

/** A string, with the colon that makes it a member's name, or the limit of an object. */
const TOKENS = /("[^"\\]*(?:\\.[^"\\]*)*")\s*(:)?|[{}]/g

/** @param json well-formed JSON */
function repeatedMember (json: string): string | undefined {
  const objects: Array<Set<string>> = []
  for (const [token, text = '', colon] of json.matchAll(TOKENS)) {
    if (token === '{') objects.push(new Set())
    else if (token === '}') objects.pop()
    else if (colon !== undefined) {
      // Read, not compared as written: "a" and "\u0061" are one name.
      const name = JSON.parse(text) as string
      if (objects.at(-1)?.has(name) === true) return name
      objects.at(-1)?.add(name)
    }
  }
  return undefined
}
