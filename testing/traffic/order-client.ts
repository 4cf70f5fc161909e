import type { OrderStatus } from '@orders/contracts'

const ANSWER_DEADLINE_MS = 10_000
const IN_FLIGHT = 'urn:problem:request-in-flight'

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

/**
 * Whether the answer says that the request was not carried out and never will be. Not 408, which a busy machine gets for a request
 * that was sent in time: an earlier try with this key may have been carried out. Nor an earlier try that is still in progress.
 */
export function isFinal ({ refusedWith: status, type }: Refusal): boolean {
  return status >= 400 && status < 500 && status !== 408 && type !== IN_FLIGHT
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
