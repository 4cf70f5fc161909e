/** A program that is needed to make a server is not there, or too old. */
export class MissingToolError extends Error {
  readonly code = 'LOCAL_STACK_MISSING_TOOL'

  constructor (tool: string, needed: string, found: string, purpose: string, variable: string, existing = 'server') {
    super(`${purpose} needs ${tool} ${needed}, found ${found}. Install it, or point ${variable} to an existing ${existing}.`)
    this.name = 'MissingToolError'
  }
}

/** A server ended, or was not ready in time. */
export class ServerError extends Error {
  readonly code = 'LOCAL_STACK_SERVER'

  constructor (server: string, problem: string, logTail: string) {
    super(`${server} ${problem}${logTail === '' ? '' : `; the end of its log:\n${logTail}`}`)
    this.name = 'ServerError'
  }
}
