import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Answer, ClientEntry, Recorder } from '../checker/index.ts'
import type { Random } from '../framework/random.ts'

const CUSTOMERS = 50
const ANSWER_DEADLINE_MS = 10_000
const PAUSE_MS = 250
/** More lives than this are not begun: clients that wait for an answer place no further orders, and no pool is to be overrun. */
const MAX_IN_FLIGHT = 60

/** How many requests are sent twice at a time with one key, as by a client that lost its patience; and how many once more after the answer. */
const DOUBLED = 0.05
const REPEATED = 0.05

type Change = ClientEntry['f']

/** The rest of an order's life after its creation, step by step. Several changes in one step are those of clients that know nothing of each other. */
const LIVES: ReadonlyArray<ReadonlyArray<readonly Change[]>> = [
  [], [['confirm']], [['cancel']], [['confirm'], ['ship']], [['confirm'], ['cancel']], [['confirm'], ['ship'], ['deliver']],
  [['confirm', 'cancel']], [['cancel', 'cancel']], [['confirm', 'confirm'], ['ship', 'cancel']]
]

interface Order {
  id: string
  version: number
  status: string
}

interface Request {
  path: string
  key: string
  body?: object | undefined
}

interface Asked {
  origin?: string
  order?: string
  /** Another client asks for a change of the same order at the same time: one of them may be refused. */
  contested?: boolean
}

/** Clients of the order-api that record what they asked for and what they were told. */
export class Load {
  accepted = 0
  unanswered = 0
  readonly #url: () => string
  readonly #recorder: Recorder
  readonly #random: Random
  readonly #inFlight = new Set<Promise<void>>()
  #operations = 0

  constructor (url: () => string, recorder: Recorder, random: Random) {
    this.#url = url
    this.#recorder = recorder
    this.#random = random
  }

  /** Begins orders at a steady rate until `stop`; resolves when every one has had its life. After `giveUp` nothing is asked again. */
  async run (rate: number, stop: AbortSignal, giveUp: AbortSignal): Promise<void> {
    let due = 0
    let last = performance.now()
    while (!stop.aborted) {
      const now = performance.now()
      due = Math.min(due + (now - last) / 1_000 * rate, rate)
      last = now
      for (; due >= 1 && this.#inFlight.size < MAX_IN_FLIGHT; due--) this.#begin(giveUp)
      await delay(10, undefined, { signal: stop }).catch(() => {})
    }
    await Promise.all(this.#inFlight)
  }

  #begin (giveUp: AbortSignal): void {
    const life = this.#live(this.#random.pick(LIVES), giveUp).finally(() => { this.#inFlight.delete(life) })
    this.#inFlight.add(life)
  }

  async #live (steps: ReadonlyArray<readonly Change[]>, giveUp: AbortSignal): Promise<void> {
    // Nobody else has this one: the order that is made of it is known by it.
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
  async #operate (f: Change, path: string, giveUp: AbortSignal, asked: Asked, body?: object): Promise<Order | undefined> {
    const op = ++this.#operations
    const request: Request = { path, key: randomUUID(), body }
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

  /** Once more after the answer; says nothing when it is not answered this time. */
  async #repeat (request: Request): Promise<Array<Order | 'refused'>> {
    const answer = await this.#try(request)
    return typeof answer === 'number' ? [] : [answer]
  }

  /** The order; `refused` when it certainly was not carried out; else the status of an answer that leaves it open, 0 for none. */
  async #try ({ path, key, body }: Request): Promise<Order | 'refused' | number> {
    try {
      const response = await fetch(this.#url() + path, {
        method: 'POST',
        headers: { 'idempotency-key': key, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(ANSWER_DEADLINE_MS)
      })
      if (response.ok) return await response.json() as Order
      const problem = await response.json().catch(() => ({})) as { type?: string }
      // An earlier try with this key is still at it.
      if (problem.type?.endsWith('request-in-flight') === true) return response.status
      return response.status >= 400 && response.status < 500 ? 'refused' : response.status
    } catch {
      return 0
    }
  }
}

/** A refusal is no answer that may come after one of success: the checker is told of it as of another answer. */
function toAnswer (answer: Order | 'refused'): Answer {
  return answer === 'refused' ? { order: '', version: 0, status: 'refused' } : { order: answer.id, version: answer.version, status: answer.status }
}
