import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { answerClientError, writeProblem, type Exchange } from './client-error.ts'
import { ProblemError } from './problem.ts'

const SECOND_MS = 1_000

/** From the first byte of a request, or from the connect, to the last byte of the request. */
const REQUEST_DEADLINE_MS = 10 * SECOND_MS
/** Node checks its connections every 30 s by default: a deadline of 10 s would last up to 40 s. */
const CHECK_INTERVAL_MS = SECOND_MS
/** A socket without traffic in the middle of a request or an answer. */
const INACTIVITY_MS = 15 * SECOND_MS
/** From a request's headers to the last byte of its answer. Longer than the timeouts of Postgres, so that only slow clients reach it. */
const EXCHANGE_DEADLINE_MS = 30 * SECOND_MS
/** Longer than the idle timeouts of common load balancers: the side that reuses a connection must be the one that closes it. */
const KEEP_ALIVE_MS = 72 * SECOND_MS

export interface HttpServerOptions {
  /** For tests only. */
  exchangeDeadlineMs?: number
}

/**
 * Node's HTTP server with strict deadlines. Requests that Node would refuse with an empty answer go to the handler, or are
 * answered with a problem.
 */
export function createHttpServer (handler: RequestListener, { exchangeDeadlineMs = EXCHANGE_DEADLINE_MS }: HttpServerOptions = {}): Server {
  const exchanges = new Exchanges()
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    exchanges.begin({ request, response })
    handler(request, response)
  }
  const server = createServer({
    // Set both: Node uses the larger one for the whole request, and the default for headers is a minute.
    headersTimeout: REQUEST_DEADLINE_MS,
    requestTimeout: REQUEST_DEADLINE_MS,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // The handler refuses a request without Host, with a problem.
    requireHostHeader: false,
    // Ignore the upgrade, and answer the request.
    shouldUpgradeCallback: () => false
  }, handle)
  server.timeout = INACTIVITY_MS
  // A client may close its side once its request is sent. By default Node closes the other side as well, and the answer to a request
  // that took effect is lost. Not in Node's types: https://github.com/nodejs/node/blob/v24.x/lib/_http_server.js
  Object.assign(server, { httpAllowHalfOpen: true })
  server.on('checkExpectation', handle)
  // Node emits this for any `expect` header that contains the words.
  server.on('checkContinue', (request, response) => {
    if (request.headers.expect?.toLowerCase() === '100-continue') response.writeContinue()
    handle(request, response)
  })
  server.on('clientError', (error, socket) => { answerClientError(error, socket as Socket, exchanges.on(socket)) })
  server.on('connect', (_request, socket) => {
    writeProblem(socket, new ProblemError(400, 'invalid-request', 'expected a request to this service, found CONNECT: it is not a proxy'))
    socket.end()
  })

  let sweep: NodeJS.Timeout | undefined
  server.on('listening', () => {
    sweep = setInterval(() => { exchanges.destroyOverdue(exchangeDeadlineMs) }, CHECK_INTERVAL_MS).unref()
  })
  server.on('close', () => { clearInterval(sweep) })
  return server
}

/** Requests whose answers have not been sent completely. */
class Exchanges {
  readonly #open = new Map<Exchange, number>()
  readonly #newest = new WeakMap<Duplex, Exchange>()

  begin (exchange: Exchange): void {
    this.#open.set(exchange, performance.now())
    this.#newest.set(exchange.request.socket, exchange)
    exchange.response.once('close', () => { this.#open.delete(exchange) })
  }

  /** For one connection: its open exchanges, and its newest one. */
  on (socket: Duplex): { open: Exchange[], newest: Exchange | undefined } {
    return { open: [...this.#open.keys()].filter(({ request }) => request.socket === socket), newest: this.#newest.get(socket) }
  }

  /** Otherwise a client that reads slowly, or not at all, would keep its socket and the answer in memory forever. */
  destroyOverdue (deadlineMs: number): void {
    const now = performance.now()
    for (const [exchange, since] of this.#open) {
      const { socket } = exchange.request
      // A pipelined answer behind another one gets no close event when its socket closes.
      if (socket.destroyed) this.#open.delete(exchange)
      // Reset, not close: after a close the kernel would keep sending the unread data.
      else if (now - since > deadlineMs) socket.resetAndDestroy()
    }
  }
}
