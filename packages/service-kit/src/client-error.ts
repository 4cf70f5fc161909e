import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { PROBLEM_JSON, problemDocument, ProblemError } from './problem.ts'

/** What Node refuses before there is a request: answered on the bare socket, as a problem like everything else. */
export function answerClientError (error: NodeJS.ErrnoException, socket: Socket): void {
  if (socket.writable && error.code !== 'ECONNRESET') {
    const problem = toProblem(error)
    const body = JSON.stringify(problemDocument(problem))
    socket.write(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n` +
      `content-type: ${PROBLEM_JSON}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`)
  }
  socket.destroy(error)
}

function toProblem ({ code }: NodeJS.ErrnoException): ProblemError {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ProblemError(408, 'request-timeout', 'expected the whole request by now, found a part of it')
    case 'HPE_HEADER_OVERFLOW':
      return new ProblemError(431, 'invalid-request', 'expected shorter headers')
    default:
      return new ProblemError(400, 'invalid-request', 'expected an HTTP request, found something else')
  }
}
