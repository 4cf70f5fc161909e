import { setTimeout as delay } from 'node:timers/promises'
import { until, type ServiceProcess } from '@orders/testing/framework'
import type { Test } from 'tap'
import type { Order } from '../src/schemas/order.ts'
import { assertDescribed } from './described.ts'
import { isShed, RETRY_AFTER_MS } from './order-api.ts'

/** Far above every timeout of the service: a longer wait is a hang. */
const HANG_MS = 30_000

export interface Answer {
  status: number
  headers: Headers
  body: Order & { type?: string }
}

/** Sends requests over HTTP, and checks each answer against openapi.json. @throws if there is no answer in time */
export class OrderApiClient {
  readonly #t: Test
  readonly #service: Pick<ServiceProcess, 'http'>

  constructor (t: Test, service: Pick<ServiceProcess, 'http'>) {
    this.#t = t
    this.#service = service
  }

  /** Retries when the service sheds load: the request had no effect then. */
  async request (method: string, path: string, options: { headers?: Record<string, string>, body?: object } = {}): Promise<Answer> {
    for (;;) {
      const answer = await this.#requestOnce(method, path, options)
      if (answer !== undefined) return answer
      await delay(RETRY_AFTER_MS)
    }
  }

  async #requestOnce (method: string, path: string, { headers = {}, body }: { headers?: Record<string, string>, body?: object }): Promise<Answer | undefined> {
    const response = await fetch(`${this.#service.http}${path}`, {
      method,
      headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
      signal: AbortSignal.timeout(HANG_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    const text = await response.text()
    if (isShed(response.status, text)) return undefined
    assertDescribed(this.#t, {
      method, path, status: response.status, header: (name) => response.headers.get(name) ?? undefined, body: text
    })
    return { status: response.status, headers: response.headers, body: JSON.parse(text) as Answer['body'] }
  }

  create (key?: string): Promise<Answer> {
    return this.request('POST', '/orders', { headers: key === undefined ? {} : { 'idempotency-key': key }, body: { customerId: 'customer-1' } })
  }

  /** Retries a 503 with the same key, as a client does. */
  createWithRetry (key: string): Promise<Answer> {
    return until(async () => {
      const answer = await this.create(key)
      return answer.status !== 503 && answer
    }, { what: 'an answer other than 503', deadlineMs: 60_000 })
  }
}
