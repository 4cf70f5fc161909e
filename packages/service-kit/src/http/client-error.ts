import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Exchange } from './http-server.ts'
import { PROBLEM_JSON, problemDocument, ProblemError } from './problem.ts'

export interface OfConnection {
  /** Requests that are not answered yet, in their order. */
  open: readonly Exchange[]
  newest: Exchange | undefined
}

/**
 * What Node refuses before there is a request, or in the middle of one: answered on the bare socket, as a problem like
 * everything else. Never where the client would take it for the answer to another request of the same connection.
 */
export function answerClientError (error: NodeJS.ErrnoException, socket: Socket, { open, newest }: OfConnection): void {
  const inBody = newest !== undefined && !newest.request.complete
  const earlier = inBody ? open.filter((exchange) => exchange !== newest) : open
  if (earlier.length > 0) {
    // Pipelined: the requests before this one are answered first, then the connection ends.
    earlier.at(-1)?.response.once('close', () => { socket.destroySoon() })
    return
  }
  // A body that goes on after its request was answered: the answer is there already.
  const answered = inBody && (newest.response.headersSent || !open.includes(newest))
  if (socket.writable && !answered && error.code !== 'ECONNRESET') writeProblem(socket, toProblem(error))
  socket.destroy()
}

/** An answer that Fastify never sees; the last one of its connection. */
export function writeProblem (socket: Duplex, problem: ProblemError): void {
  const body = JSON.stringify(problemDocument(problem))
  socket.write(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n` +
    `content-type: ${PROBLEM_JSON}\r\nx-content-type-options: nosniff\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
    `connection: close\r\n\r\n${body}`)
}

function toProblem ({ code }: NodeJS.ErrnoException): ProblemError {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ProblemError(408, 'request-timeout', 'expected the whole request by now, found a part of it')
    case 'HPE_HEADER_OVERFLOW':
      return new ProblemError(431, 'invalid-request', 'expected shorter headers')
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new ProblemError(413, 'body-too-large', 'expected shorter chunk extensions')
    default:
      return new ProblemError(400, 'invalid-request', 'expected an HTTP request, found something else')
  }
}
