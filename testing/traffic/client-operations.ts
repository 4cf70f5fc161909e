import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Answer, ClientEntry, Recorder } from '../checker/index.ts'
import type { Random } from '../framework/random.ts'
import { isFinal, sendOrderRequest, type OrderAnswer, type OrderRequest } from './order-client.ts'
import { atRate } from './pace.ts'

const CUSTOMERS = 50
const PAUSE_MS = 250
/** Clients that wait for an answer place no further orders. More than these would overrun the API's pool. */
const MAX_IN_FLIGHT = 60

/** The share of requests that are sent twice at a time with one key, as by an impatient client; and of those sent once more after the answer. */
const DOUBLED = 0.05
const REPEATED = 0.05

type Change = ClientEntry['f']

/** What happens to an order after its creation, step by step. Several changes in one step come from clients that do not know of each other. */
const LIVES: ReadonlyArray<ReadonlyArray<readonly Change[]>> = [
  [], [['confirm']], [['cancel']], [['confirm'], ['ship']], [['confirm'], ['cancel']], [['confirm'], ['ship'], ['deliver']],
  [['confirm', 'cancel']], [['cancel', 'cancel']], [['confirm', 'confirm'], ['ship', 'cancel']]
]

interface Asked {
  origin?: string
  order?: string
  /** Another client asks for a change of the same order at the same time: one of them may be refused. */
  contested?: boolean
}

/** Clients of the order-api that record every request and every answer in the history. */
export class ClientOperations {
  accepted = 0
  unanswered = 0
  readonly #url: () => string
  readonly #recorder: Recorder
  readonly #random: Random
  #operations = 0

  constructor (url: () => string, recorder: Recorder, random: Random) {
    this.#url = url
    this.#recorder = recorder
    this.#random = random
  }

  /** Begins orders at a steady rate until `stop`; resolves when every one has had all its changes. After `giveUp` nothing is repeated. */
  async run (rate: number, stop: AbortSignal, giveUp: AbortSignal): Promise<void> {
    // After an outage no more than a second's worth at once.
    await atRate({ perSecond: rate, maxInFlight: MAX_IN_FLIGHT, burstSeconds: 1, tickMs: 10, stop }, () => this.#live(this.#random.pick(LIVES), giveUp))
  }

  async #live (steps: ReadonlyArray<readonly Change[]>, giveUp: AbortSignal): Promise<void> {
    // Unique, so that the checker finds the order that this request created.
    const origin = `customer-${this.#random.between(0, CUSTOMERS)}-${this.#operations + 1}`
    const order = await this.#operate('create', '/orders', giveUp, { origin }, { customerId: origin })
    if (order === undefined) return
    for (const step of steps) {
      const asked = { order: order.id, ...(step.length > 1 ? { contested: true } : {}) }
      const changed = await Promise.all(step.map((change) => this.#operate(change, `/orders/${order.id}/${change}`, giveUp, asked)))
      if (changed.every((answer) => answer === undefined)) return
    }
  }

  /** Asks with one Idempotency-Key until there is an answer that says whether it was carried out. */
  async #operate (f: Change, path: string, giveUp: AbortSignal, asked: Asked, body?: object): Promise<OrderAnswer | undefined> {
    const op = ++this.#operations
    const request: OrderRequest = { path, key: randomUUID(), body }
    const base = { kind: 'client' as const, process: 'clients', f, op, key: request.key }
    this.#recorder.record({ ...base, type: 'invoke', ...asked })
    const refusals: number[] = []
    const told = () => refusals.length === 0 ? {} : { refusals }
    let doubled = this.#random.next() < DOUBLED
    const repeated = this.#random.next() < REPEATED
    while (!giveUp.aborted) {
      const answers = await Promise.all(Array.from({ length: doubled ? 2 : 1 }, () => this.#try(request)))
      const [answer, ...further] = answers.filter((answer) => typeof answer === 'object')
      if (answer !== undefined) {
        // Beside an answer, "in flight" and none at all are right; a refusal would contradict it.
        const again = [...further, ...answers.filter((answer) => answer === 'refused'), ...(repeated ? await this.#repeat(request) : [])].map(toAnswer)
        this.accepted++
        this.#recorder.record({ ...base, type: 'ok', ...toAnswer(answer), ...told(), ...(again.length === 0 ? {} : { again }) })
        return answer
      }
      if (answers.includes('refused')) {
        this.#recorder.record({ ...base, type: 'fail', ...told() })
        return undefined
      }
      refusals.push(...answers.filter((answer) => typeof answer === 'number'))
      doubled = false
      await delay(PAUSE_MS, undefined, { signal: giveUp }).catch(() => {})
    }
    this.unanswered++
    this.#recorder.record({ ...base, type: 'info', ...told() })
    return undefined
  }

  /** Once more after the answer; empty when there is no answer this time. */
  async #repeat (request: OrderRequest): Promise<Array<OrderAnswer | 'refused'>> {
    const answer = await this.#try(request)
    return typeof answer === 'number' ? [] : [answer]
  }

  /** The order; `refused` when it certainly was not carried out; else the status of an answer that leaves it open, 0 for none. */
  async #try (request: OrderRequest): Promise<OrderAnswer | 'refused' | number> {
    const answer = await sendOrderRequest(this.#url(), request)
    if (!('refusedWith' in answer)) return answer
    return isFinal(answer) ? 'refused' : answer.refusedWith
  }
}

/** A refusal after a success would contradict it: the checker gets it as one more answer. */
function toAnswer (answer: OrderAnswer | 'refused'): Answer {
  return answer === 'refused' ? { order: '', version: 0, status: 'refused' } : { order: answer.id, version: answer.version, status: answer.status }
}
