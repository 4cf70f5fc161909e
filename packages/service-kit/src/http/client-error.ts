import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { PROBLEM_JSON, problemDocument, ProblemError } from './problem.ts'

/** A request and its answer. */
export interface Exchange {
  request: IncomingMessage
  response: ServerResponse
}

export interface OfConnection {
  /** Requests that are not answered yet, in order. */
  open: readonly Exchange[]
  newest: Exchange | undefined
}

/**
 * Answers errors that Node finds before a request is complete, with a problem, directly on the socket. It sends nothing if the
 * client would take the problem for the answer to another request of the same connection.
 */
export function answerClientError (error: NodeJS.ErrnoException, socket: Socket, { open, newest }: OfConnection): void {
  const inBody = newest !== undefined && !newest.request.complete
  const earlier = inBody ? open.filter((exchange) => exchange !== newest) : open
  if (earlier.length > 0) {
    // Pipelining: answer the earlier requests first, then end the connection.
    earlier.at(-1)?.response.once('close', () => { socket.destroySoon() })
    return
  }
  // The body still arrives after its request was answered: do not answer twice.
  const answered = inBody && (newest.response.headersSent || !open.includes(newest))
  if (socket.writable && !answered && error.code !== 'ECONNRESET') writeProblem(socket, toProblem(error))
  socket.destroy()
}

/** Writes an answer past Fastify. The connection ends after it. */
export function writeProblem (socket: Duplex, problem: ProblemError): void {
  const body = JSON.stringify(problemDocument(problem))
  socket.write(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n` +
    `content-type: ${PROBLEM_JSON}\r\nx-content-type-options: nosniff\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
    `connection: close\r\n\r\n${body}`)
}

function toProblem ({ code }: NodeJS.ErrnoException): ProblemError {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ProblemError(408, 'request-timeout', 'expected the whole request within the deadline, found a part of it')
    case 'HPE_HEADER_OVERFLOW':
      return new ProblemError(431, 'invalid-request', 'expected shorter headers')
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new ProblemError(413, 'body-too-large', 'expected shorter chunk extensions')
    default:
      return new ProblemError(400, 'invalid-request', 'expected an HTTP request, found something else')
  }
}
