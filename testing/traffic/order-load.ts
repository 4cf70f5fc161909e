import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { AcceptedOrder } from '../checker/observation/reconcile.ts'
import { isFinal, sendOrderRequest, type OrderAnswer } from './order-client.ts'
import { atRate } from './pace.ts'

const CUSTOMERS = 50
/** Between two tries: doubled each time, so that an overloaded API is not given more to refuse. */
const PAUSE_MS = { first: 250, longest: 2_000 }
const MAX_IN_FLIGHT = 200

/** The request was not carried out and never will be: another client changed the order in between. */
const OVERTAKEN = 'urn:problem:status-conflict'
/** The API sheds load because the machine is busy: nothing was done, and a client repeats the request. */
const SHED = 'urn:problem:overloaded'

export interface LoadOptions {
  /** Orders per second. */
  rate: number
  orders: number
  /** Begins no order while so many are in flight (default 200): if the rate is too high for the API, the load slows down. */
  maxInFlight?: number
  /** Begins no more orders; those in flight go on. */
  stopPosting: AbortSignal
  /** Repeats nothing any more: those in flight end with the answers that they have. */
  giveUp: AbortSignal
}

/** What happens to the orders after they were created, so that the order of their events matters. */
const LIVES: readonly (readonly string[])[] = [[], ['confirm'], ['cancel'], ['confirm', 'ship'], ['confirm', 'cancel'], ['confirm', 'ship', 'deliver']]

/** Posts orders to the API, and remembers which were accepted: everything else is compared with these. */
export class OrderLoad {
  readonly accepted = new Map<string, AcceptedOrder>()
  /** Answers other than success and shed load, by status; 0: no answer. They were repeated, except 4xx. */
  readonly refused = new Map<number, number>()
  /** Accepted changes, each of which is one event. */
  events = 0
  /** Changes that the API refused because another client had changed the order: the load leaves that order alone then. */
  overtaken = 0
  /** Requests in flight: each may have become an event that is not counted yet. */
  requests = 0
  /** Requests given up without an answer: they may have been carried out. */
  unanswered = 0
  readonly #url: () => string

  /** @param url asked each time, for the API may come back on another port */
  constructor (url: () => string) {
    this.#url = url
  }

  /** Begins orders at a steady rate, as long as the API keeps up; resolves when the last one has had all its changes. */
  async run ({ rate, orders, maxInFlight = MAX_IN_FLIGHT, stopPosting, giveUp }: LoadOptions): Promise<void> {
    await atRate({ perSecond: rate, total: orders, maxInFlight, stop: stopPosting }, (index) => this.#live(index, giveUp))
  }

  async #live (index: number, giveUp: AbortSignal): Promise<void> {
    const created = await this.#post('/orders', giveUp, { customerId: `customer-${index % CUSTOMERS}` })
    if (created === undefined) return
    const order: AcceptedOrder = { order: created.id, changes: [{ version: created.version, status: created.status }] }
    this.accepted.set(created.id, order)
    for (const action of LIVES[index % LIVES.length] ?? []) {
      const changed = await this.#post(`/orders/${created.id}/${action}`, giveUp)
      if (changed === undefined) return
      order.changes.push({ version: changed.version, status: changed.status })
    }
  }

  /**
   * Repeats a request with the same Idempotency-Key until it is answered: then it is known whether it was carried out, also
   * when the first answer got lost.
   */
  async #post (path: string, giveUp: AbortSignal, body?: object): Promise<OrderAnswer | undefined> {
    this.requests++
    return this.#repeat(path, giveUp, body).finally(() => { this.requests-- })
  }

  async #repeat (path: string, giveUp: AbortSignal, body?: object): Promise<OrderAnswer | undefined> {
    const key = randomUUID()
    for (let pauseMs = PAUSE_MS.first; !giveUp.aborted; pauseMs = Math.min(2 * pauseMs, PAUSE_MS.longest)) {
      const answer = await sendOrderRequest(this.#url(), { path, key, body })
      if (!('refusedWith' in answer)) {
        this.events++
        return answer
      }
      const { refusedWith: status, type } = answer
      // Repeated, it would be refused forever, and the demo would never end.
      if (type === OVERTAKEN) {
        this.overtaken++
        return undefined
      }
      if (type !== SHED) {
        this.refused.set(status, (this.refused.get(status) ?? 0) + 1)
        if (isFinal(answer)) return undefined
      }
      await delay(pauseMs, undefined, { signal: giveUp }).catch(() => {})
    }
    this.unanswered++
    return undefined
  }
}
