import { until } from '@orders/testing/framework'
import { Random } from '@orders/testing/framework/random'
import t from 'tap'
import { orderApi } from './order-api.ts'

const SEED = 20_260_101
const REQUESTS = 500

/** Random bodies similar to an order, some of them valid, with all of JSON's syntax and some invalid syntax. */
class Bodies {
  readonly #random: Random

  constructor (seed: number) {
    this.#random = new Random(seed)
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
    return this.#chance(0.4) ? `"customer-${this.#random.between(0, 100)}"` : `"${this.#some(this.#chance(0.1) ? 200 : 8, character, '')}"`
  }

  #damage (body: string): string {
    const at = this.#random.between(0, body.length + 1)
    return this.#pick([body.slice(0, at), body.slice(at), `${body.slice(0, at)}${this.#pick(['}', '"', '\0', ',', '\u{feff}'])}${body.slice(at)}`])
  }

  #some (most: number, part: () => string, separator = ','): string {
    return Array.from({ length: this.#random.between(0, most + 1) }, part).join(separator)
  }

  #chance (probability: number): boolean {
    return this.#random.next() < probability
  }

  #pick (choices: ReadonlyArray<string | (() => string)>): string {
    const choice = this.#random.pick(choices)
    return typeof choice === 'string' ? choice : choice()
  }
}

t.test(`${REQUESTS} random bodies (seed ${SEED}): no 500, and a row for each acknowledged order only`, async (t) => {
  const api = await orderApi(t)
  const bodies = new Bodies(SEED)
  const created: string[] = []
  const failed: string[] = []
  for (let request = 0; request < REQUESTS; request++) {
    const payload = bodies.next()
    // On a busy machine the service sheds load: retry.
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
