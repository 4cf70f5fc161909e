import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { answerClientError, writeProblem } from './client-error.ts'
import { ProblemError } from './problem.ts'

const SECOND_MS = 1_000

/** From the first byte of a request (or from the connection) to its last. */
const REQUEST_DEADLINE_MS = 10 * SECOND_MS
/** Node looks at its connections every 30 s by default: a deadline of 10 s would be one of up to 40. */
const CHECK_EVERY_MS = SECOND_MS
/** A socket on which nothing moves while a request or an answer is under way. */
const INACTIVITY_MS = 15 * SECOND_MS
/** From a request's headers to the last byte of its answer. Above the time limits of Postgres, so that only slow readers meet it. */
const EXCHANGE_DEADLINE_MS = 30 * SECOND_MS
/** Longer than the idle time-outs of the usual load balancers: the side that reuses a connection has to be the one that closes it. */
const KEEP_ALIVE_MS = 72 * SECOND_MS

export interface Exchange {
  request: IncomingMessage
  response: ServerResponse
}

export interface HttpServerOptions {
  /** For tests alone. */
  exchangeDeadlineMs?: number
}

/**
 * Node's HTTP server with deadlines that hold, and nothing that it answers by itself: what it would refuse with an empty
 * answer goes to the handler, or is answered with a problem.
 */
export function createHttpServer (handler: RequestListener, { exchangeDeadlineMs = EXCHANGE_DEADLINE_MS }: HttpServerOptions = {}): Server {
  const exchanges = new Exchanges()
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    exchanges.begin({ request, response })
    handler(request, response)
  }
  const server = createServer({
    // Both: Node takes the larger of the two for the whole request, and the default for headers is a minute.
    headersTimeout: REQUEST_DEADLINE_MS,
    requestTimeout: REQUEST_DEADLINE_MS,
    connectionsCheckingInterval: CHECK_EVERY_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // The handler refuses a request without Host itself, with a problem.
    requireHostHeader: false,
    // Answered as what it is without the upgrade.
    shouldUpgradeCallback: () => false
  }, handle)
  server.timeout = INACTIVITY_MS
  server.on('checkExpectation', handle)
  // Node takes any header that has these words in it for this expectation.
  server.on('checkContinue', (request, response) => {
    if (request.headers.expect?.toLowerCase() === '100-continue') response.writeContinue()
    handle(request, response)
  })
  server.on('clientError', (error, socket) => { answerClientError(error, socket as Socket, exchanges.on(socket)) })
  server.on('connect', (_request, socket) => {
    writeProblem(socket, new ProblemError(400, 'invalid-request', 'expected a request to this service, found CONNECT: it is no proxy'))
    socket.end()
  })

  let sweep: NodeJS.Timeout | undefined
  server.on('listening', () => {
    sweep = setInterval(() => { exchanges.destroyOverdue(exchangeDeadlineMs) }, CHECK_EVERY_MS).unref()
  })
  server.on('close', () => { clearInterval(sweep) })
  return server
}

/** The requests whose answers are not with their clients yet. */
class Exchanges {
  readonly #open = new Map<Exchange, number>()
  readonly #newest = new WeakMap<Duplex, Exchange>()

  begin (exchange: Exchange): void {
    this.#open.set(exchange, performance.now())
    this.#newest.set(exchange.request.socket, exchange)
    exchange.response.once('close', () => { this.#open.delete(exchange) })
  }

  /** Of one connection: all that are open, and the newest that there was. */
  on (socket: Duplex): { open: Exchange[], newest: Exchange | undefined } {
    return { open: [...this.#open.keys()].filter(({ request }) => request.socket === socket), newest: this.#newest.get(socket) }
  }

  /** A client that reads its answer slowly, or not at all, would else hold its socket, and the answer's memory, as long as it likes. */
  destroyOverdue (deadlineMs: number): void {
    const now = performance.now()
    for (const [exchange, since] of this.#open) {
      const { socket } = exchange.request
      // An answer that waited behind another one (pipelining) is never closed with its socket.
      if (socket.destroyed) this.#open.delete(exchange)
      // Reset: closed, the kernel would go on offering what is unread.
      else if (now - since > deadlineMs) socket.resetAndDestroy()
    }
  }
}
