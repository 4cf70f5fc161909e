import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { ClientEntry, Recorder } from '@orders/history'
import type { Random } from './random.ts'

const CUSTOMERS = 50
const ANSWER_DEADLINE_MS = 10_000
const PAUSE_MS = 250
/** More lives than this are not begun: clients that wait for an answer place no further orders, and no pool is to be overrun. */
const MAX_IN_FLIGHT = 60

/** The rest of an order's life after its creation. */
const LIVES: ReadonlyArray<ReadonlyArray<ClientEntry['f']>> = [[], ['confirm'], ['cancel'], ['confirm', 'ship'], ['confirm', 'cancel'], ['confirm', 'ship', 'deliver']]

interface Order {
  id: string
  version: number
  status: string
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
    const life = this.#live(this.#random.pick(LIVES), `customer-${this.#random.between(0, CUSTOMERS)}`, giveUp)
      .finally(() => { this.#inFlight.delete(life) })
    this.#inFlight.add(life)
  }

  async #live (changes: ReadonlyArray<ClientEntry['f']>, customerId: string, giveUp: AbortSignal): Promise<void> {
    const order = await this.#operate('create', '/orders', giveUp, { customerId })
    if (order === undefined) return
    for (const change of changes) {
      if (await this.#operate(change, `/orders/${order.id}/${change}`, giveUp) === undefined) return
    }
  }

  /** Asks with one Idempotency-Key until there is an answer that says whether it was carried out. */
  async #operate (f: ClientEntry['f'], path: string, giveUp: AbortSignal, body?: object): Promise<Order | undefined> {
    const op = ++this.#operations
    const key = randomUUID()
    const base = { kind: 'client' as const, process: 'clients', f, op, key }
    this.#recorder.record({ ...base, type: 'invoke' })
    const refusals: number[] = []
    const told = () => refusals.length === 0 ? {} : { refusals }
    while (!giveUp.aborted) {
      const answer = await this.#try(path, key, body)
      if (typeof answer === 'object') {
        this.accepted++
        this.#recorder.record({ ...base, type: 'ok', order: answer.id, version: answer.version, status: answer.status, ...told() })
        return answer
      }
      if (answer === 'refused') {
        this.#recorder.record({ ...base, type: 'fail', ...told() })
        return undefined
      }
      refusals.push(answer)
      await delay(PAUSE_MS, undefined, { signal: giveUp }).catch(() => {})
    }
    this.unanswered++
    this.#recorder.record({ ...base, type: 'info', ...told() })
    return undefined
  }

  /** The order; `refused` when it certainly was not carried out; else the status of an answer that leaves it open, 0 for none. */
  async #try (path: string, key: string, body?: object): Promise<Order | 'refused' | number> {
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
