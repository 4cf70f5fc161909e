import type { FastifyInstance } from 'fastify'
import { ProblemError } from './problem.ts'

/**
 * Parses JSON bodies as Fastify does, and refuses duplicate members. JSON.parse takes the last one, other parsers the first: a
 * gateway could check one value, and the service store the other.
 */
export function useStrictJson (app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, text, done) => {
    // An empty body (chunked without a chunk). If the route needs a body, its schema refuses this.
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

/** A string, with the colon if it is a member's name; or a brace. */
const TOKENS = /("[^"\\]*(?:\\.[^"\\]*)*")\s*(:)?|[{}]/g

/** @param json well-formed JSON */
function repeatedMember (json: string): string | undefined {
  const objects: Array<Set<string>> = []
  for (const [token, text = '', colon] of json.matchAll(TOKENS)) {
    if (token === '{') objects.push(new Set())
    else if (token === '}') objects.pop()
    else if (colon !== undefined) {
      // Decoded before it is compared: "a" and "\u0061" are the same name.
      const name = JSON.parse(text) as string
      if (objects.at(-1)?.has(name) === true) return name
      objects.at(-1)?.add(name)
    }
  }
  return undefined
}
