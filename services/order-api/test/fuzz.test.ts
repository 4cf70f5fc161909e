import { until } from '@orders/testing/framework'
import t from 'tap'
import { orderApi } from './order-api.ts'

const SEED = 20_260_101
const REQUESTS = 500

/** Mulberry32: small, and the same sequence for the same seed everywhere. */
function randomOf (seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Bodies near enough to an order that some are one, written with everything that JSON allows, and a little that it does not. */
class Bodies {
  readonly #random: () => number

  constructor (seed: number) {
    this.#random = randomOf(seed)
  }

  next (): string {
    const body = this.#chance(0.6) ? this.#object(2) : this.#value(3)
    return this.#chance(0.1) ? this.#damage(body) : body
  }

  #value (depth: number): string {
    const leaf = () => this.#pick([
      'null', 'true', 'false', '0', '-1', '1e400', '5.5', '123456789012345678901234567890', () => this.#text(), () => this.#text()
    ])
    if (depth === 0) return leaf()
    return this.#pick([leaf, leaf, () => this.#object(depth - 1), () => `[${this.#some(3, () => this.#value(depth - 1))}]`])
  }

  #object (depth: number): string {
    const member = () => {
      const name = this.#pick(['customerId', 'customerId', 'customerId', 'id', 'status', 'version', '__proto__', 'constructor', '', 'toString', 'length'])
      return `${JSON.stringify(name)}:${this.#chance(0.6) ? this.#text() : this.#value(depth)}`
    }
    return this.#chance(0.5) ? `{"customerId":${this.#text()}}` : `{${this.#some(4, member)}}`
  }

  #text (): string {
    const character = () => this.#pick(['a', 'Z', '0', '-', '_', '.', '@', ':', ' ', "'", '\\"', '\\\\', '\\u0000', '\\ud800', '\\n', 'é', '☃', '😀', '%', '/'])
    return this.#chance(0.4) ? `"customer-${Math.floor(this.#random() * 100)}"` : `"${this.#some(this.#chance(0.1) ? 200 : 8, character, '')}"`
  }

  #damage (body: string): string {
    const at = Math.floor(this.#random() * (body.length + 1))
    return this.#pick([body.slice(0, at), body.slice(at), `${body.slice(0, at)}${this.#pick(['}', '"', '\0', ',', '\u{feff}'])}${body.slice(at)}`])
  }

  #some (most: number, part: () => string, separator = ','): string {
    return Array.from({ length: Math.floor(this.#random() * (most + 1)) }, part).join(separator)
  }

  #chance (probability: number): boolean {
    return this.#random() < probability
  }

  #pick (choices: ReadonlyArray<string | (() => string)>): string {
    const choice = choices[Math.floor(this.#random() * choices.length)] ?? ''
    return typeof choice === 'string' ? choice : choice()
  }
}

t.test(`${REQUESTS} random bodies (seed ${SEED}): never a failure of ours, and rows only for orders that were acknowledged`, async (t) => {
  const api = await orderApi(t)
  const bodies = new Bodies(SEED)
  const created: string[] = []
  const failed: string[] = []
  for (let request = 0; request < REQUESTS; request++) {
    const payload = bodies.next()
    // On a busy machine the service sheds load, and asks its clients to come back.
    const response = await until(async () => {
      const answer = await api.request({ method: 'POST', url: '/orders', headers: { 'content-type': 'application/json', 'idempotency-key': `fuzz-${request}` }, payload })
      return answer.statusCode !== 503 && answer
    }, { what: 'an answer other than 503', deadlineMs: 60_000 })
    if (response.statusCode === 201) created.push(response.json<{ id: string }>().id)
    else if (response.statusCode !== 400) failed.push(`${response.statusCode}: ${payload}`)
  }
  t.same(failed, [])
  t.ok(created.length > 20 && created.length < REQUESTS - 20, `${created.length} of them were orders`)
  t.same((await api.evidence.orders()).map(({ id }) => id), created.toSorted())
  await api.evidence.assertWhole(t)
})
