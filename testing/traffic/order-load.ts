import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { OrderStatus } from '@orders/contracts'

const CUSTOMERS = 50
const ANSWER_DEADLINE_MS = 10_000
/** Between two tries: doubled each time, so that an API that is short of breath is not given more to refuse. */
const PAUSE_MS = { first: 250, longest: 2_000 }
const MAX_IN_FLIGHT = 200

/** What the API answered to the load's own requests for an order. Somebody else may have changed it besides. */
export interface AcceptedOrder {
  orderId: string
  changes: Array<{ version: number, status: OrderStatus }>
}

/** What an answer says of an order. */
interface Answer {
  id: string
  version: number
  status: OrderStatus
}

/** The request was not carried out and never will be: somebody else changed the order in between. */
const OVERTAKEN = 'overtaken'
/** The API sheds load, as a machine with other work makes it: nothing was done, and a client comes again. */
const SHED = 'shed'

export interface LoadOptions {
  /** Orders per second. */
  rate: number
  orders: number
  /** Begins no order while so many are under way (default 200): where the rate is too high, it is what the API can do. */
  maxInFlight?: number
  /** Begins no more orders; those under way go on. */
  stopPosting: AbortSignal
  /** Repeats nothing any more: those under way end with the answers that they have. */
  giveUp: AbortSignal
}

/** The rest of some orders' lives, so that orders have a history whose order matters. */
const LIVES: readonly (readonly string[])[] = [[], ['confirm'], ['cancel'], ['confirm', 'ship'], ['confirm', 'cancel'], ['confirm', 'ship', 'deliver']]

/** Posts orders to the API, and remembers what was accepted: the ground truth of the verdict. */
export class OrderLoad {
  readonly accepted = new Map<string, AcceptedOrder>()
  /** Answers other than success and than shed load, by status; 0: none. They were repeated, but for 4xx. */
  readonly refused = new Map<number, number>()
  /** Accepted changes, each of which is one event. */
  events = 0
  /** Changes that the API refused, since somebody else changed the order before: its life ends with them. */
  overtaken = 0
  /** Requests under way: each may have become an event that is not counted yet. */
  requests = 0
  /** Requests of which nobody knows whether they were carried out. */
  unanswered = 0
  readonly #url: () => string
  readonly #inFlight = new Set<Promise<void>>()

  /** @param url asked each time, for the API may come back on another port */
  constructor (url: () => string) {
    this.#url = url
  }

  /** Begins orders at a steady rate, as long as the API keeps up with it; resolves when the last one has had its life. */
  async run ({ rate, orders, maxInFlight = MAX_IN_FLIGHT, stopPosting, giveUp }: LoadOptions): Promise<void> {
    const startedAt = performance.now()
    let begun = 0
    while (begun < orders && !stopPosting.aborted) {
      const due = Math.min(orders, Math.floor((performance.now() - startedAt) / 1_000 * rate) + 1)
      while (begun < due && this.#inFlight.size < maxInFlight) this.#begin(begun++, giveUp)
      await delay(Math.min(10, 1_000 / rate), undefined, { signal: stopPosting }).catch(() => {})
    }
    await Promise.all(this.#inFlight)
  }

  #begin (index: number, giveUp: AbortSignal): void {
    const life = this.#live(index, giveUp).finally(() => { this.#inFlight.delete(life) })
    this.#inFlight.add(life)
  }

  async #live (index: number, giveUp: AbortSignal): Promise<void> {
    const created = await this.#post('/orders', giveUp, { customerId: `customer-${index % CUSTOMERS}` })
    if (created === undefined) return
    const order: AcceptedOrder = { orderId: created.id, changes: [{ version: created.version, status: created.status }] }
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
  async #post (path: string, giveUp: AbortSignal, body?: object): Promise<Answer | undefined> {
    this.requests++
    return this.#repeat(path, giveUp, body).finally(() => { this.requests-- })
  }

  async #repeat (path: string, giveUp: AbortSignal, body?: object): Promise<Answer | undefined> {
    const key = randomUUID()
    for (let pauseMs = PAUSE_MS.first; !giveUp.aborted; pauseMs = Math.min(2 * pauseMs, PAUSE_MS.longest)) {
      const answer = await this.#try(path, key, body)
      if (typeof answer === 'object') {
        this.events++
        return answer
      }
      if (answer === OVERTAKEN) {
        this.overtaken++
        return undefined
      }
      if (answer !== SHED) {
        this.refused.set(answer, (this.refused.get(answer) ?? 0) + 1)
        // Our own mistake, which no repetition mends. But 409: the first try with this key is still at it.
        if (answer >= 400 && answer < 500 && answer !== 409) return undefined
      }
      await delay(pauseMs, undefined, { signal: giveUp }).catch(() => {})
    }
    this.unanswered++
    return undefined
  }

  /** @returns the order, or the status of another answer; 0 for none */
  async #try (path: string, key: string, body?: object): Promise<Answer | typeof OVERTAKEN | typeof SHED | number> {
    try {
      const response = await fetch(this.#url() + path, {
        method: 'POST',
        headers: { 'idempotency-key': key, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(ANSWER_DEADLINE_MS)
      })
      if (response.ok) return await response.json() as Answer
      if (response.status === 409 || response.status === 503) {
        const { type } = await response.json() as { type?: string }
        // Repeated, it would be refused for ever, and the demo would never end.
        if (type === 'urn:problem:status-conflict') return OVERTAKEN
        return type === 'urn:problem:overloaded' ? SHED : response.status
      }
      await response.body?.cancel()
      return response.status
    } catch {
      return 0
    }
  }
}
