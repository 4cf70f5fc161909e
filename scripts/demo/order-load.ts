import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { OrderStatus } from '@orders/contracts'

const CUSTOMERS = 50
const ATTEMPTS = 60
const ATTEMPT_PAUSE_MS = 250

/** What the API said of an order: the statuses in the order of their versions. */
export interface AcceptedOrder {
  orderId: string
  statuses: OrderStatus[]
}

/** The rest of some orders' lives, so that orders have a history whose order matters. */
const LIVES: readonly (readonly string[])[] = [[], ['confirm'], ['cancel'], ['confirm', 'ship'], ['confirm', 'cancel'], ['confirm', 'ship', 'deliver']]

/** Posts orders to the API, and remembers what was accepted: the ground truth of the verdict. */
export class OrderLoad {
  readonly accepted = new Map<string, AcceptedOrder>()
  /** Answers other than success, by status. */
  readonly refused = new Map<number, number>()
  events = 0
  readonly #url: () => string
  readonly #inFlight = new Set<Promise<void>>()
  #started = 0

  /** @param url asked each time, for the API may come back on another port */
  constructor (url: () => string) {
    this.#url = url
  }

  get started (): number {
    return this.#started
  }

  /**
   * Begins `rate` orders a second, whatever the answers take, until `orders` were begun or `signal` is aborted; then waits
   * for those under way.
   */
  async run (rate: number, orders: number, signal: AbortSignal): Promise<void> {
    const startedAt = performance.now()
    while (this.#started < orders && !signal.aborted) {
      const due = Math.min(orders, Math.floor((performance.now() - startedAt) / 1_000 * rate) + 1)
      while (this.#started < due) this.#begin(this.#started++)
      await delay(Math.min(10, 1_000 / rate), undefined, { signal }).catch(() => {})
    }
    await Promise.all(this.#inFlight)
  }

  #begin (index: number): void {
    const life = this.#live(index)
    this.#inFlight.add(life)
    void life.finally(() => this.#inFlight.delete(life))
  }

  async #live (index: number): Promise<void> {
    const created = await this.#post('/orders', { customerId: `customer-${index % CUSTOMERS}` })
    if (created === undefined) return
    const order: AcceptedOrder = { orderId: created.id, statuses: [created.status] }
    this.accepted.set(created.id, order)
    for (const action of LIVES[index % LIVES.length] ?? []) {
      const changed = await this.#post(`/orders/${created.id}/${action}`)
      if (changed === undefined) return
      order.statuses.push(changed.status)
    }
  }

  /**
   * Repeats a request with the same Idempotency-Key until it is answered: then it is known whether it was carried out, also
   * when the first answer got lost.
   */
  async #post (path: string, body?: object): Promise<{ id: string, status: OrderStatus } | undefined> {
    const key = randomUUID()
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (attempt > 0) await delay(ATTEMPT_PAUSE_MS)
      const response = await fetch(this.#url() + path, {
        method: 'POST',
        headers: { 'idempotency-key': key, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(10_000)
      }).catch(() => undefined)
      if (response?.ok === true) {
        this.events++
        return await response.json() as { id: string, status: OrderStatus }
      }
      const status = response?.status ?? 0
      await response?.body?.cancel()
      this.refused.set(status, (this.refused.get(status) ?? 0) + 1)
      // 409: the first try with this key is still at it. Below: our own mistake, which no repetition mends.
      if (status >= 400 && status < 500 && status !== 409) return undefined
    }
    throw new Error(`${path}: expected an answer within ${ATTEMPTS} attempts, found none`)
  }
}
