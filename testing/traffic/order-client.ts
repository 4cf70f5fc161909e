import type { OrderStatus } from '@orders/contracts'

const ANSWER_DEADLINE_MS = 10_000

/** A request that may be sent more than once: the key makes it one request for the API. */
export interface OrderRequest {
  path: string
  key: string
  body?: object | undefined
}

/** An order as the API answers it. */
export interface OrderAnswer {
  id: string
  version: number
  status: OrderStatus
}

/** An answer other than success. */
export interface Refusal {
  /** 0: there was no answer, so it is not known whether the request was carried out. */
  refusedWith: number
  /** Of problem details, for example `urn:problem:overloaded`. */
  type?: string | undefined
}

/** Sends the request once. Never throws. @param url of the API */
export async function sendOrderRequest (url: string, { path, key, body }: OrderRequest): Promise<OrderAnswer | Refusal> {
  try {
    const response = await fetch(url + path, {
      method: 'POST',
      headers: { 'idempotency-key': key, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(ANSWER_DEADLINE_MS)
    })
    if (response.ok) return await response.json() as OrderAnswer
    const { type } = await response.json().catch(() => ({})) as { type?: string }
    return { refusedWith: response.status, type }
  } catch {
    return { refusedWith: 0 }
  }
}
