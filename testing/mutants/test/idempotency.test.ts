import { randomUUID } from 'node:crypto'
import { withTransaction } from '@orders/service-kit'
import { until } from '../../framework/index.ts'
import { findOrder } from '../../../services/order-api/src/orders/repository.ts'
import { findAnswer, storeAnswer } from '../../../services/order-api/src/idempotency/keys.ts'
import { withIdempotency } from '../../../services/order-api/src/idempotency/with-idempotency.ts'
import type { Order } from '../../../services/order-api/src/schemas/order.ts'
import { testMutant } from '../mutant-test.ts'
import { startRelay } from '../relay-parts.ts'
import { Fixture } from '../fixture.ts'

type WithIdempotency = typeof withIdempotency

const keyOf = (request: Parameters<WithIdempotency>[1]) => String(request.headers['idempotency-key'])
const stored = (body: Order) => ({ requestHash: 'hash', statusCode: 201, response: body })

/** As a client does: until there is an answer, with the same key. */
function insist (fixture: Fixture, key: string, origin: string, answer: WithIdempotency): Promise<Order> {
  return until(() => fixture.createOnce(key, origin, answer), { what: 'an answer' })
}

async function finished (fixture: Fixture, relay: { stop: () => Promise<void> }): Promise<Fixture> {
  await fixture.untilOutboxIsEmpty()
  await relay.stop()
  return fixture
}

testMutant({
  mutant: 'the Idempotency-Key is ignored',
  fault: 'an answer is lost',
  breaks: ['I17', 'I18'],
  async run (t, mutated) {
    const fixture = await Fixture.open(t)
    const relay = startRelay(t, fixture)
    const [key, origin] = [randomUUID(), randomUUID()]
    const answer: WithIdempotency = mutated
      ? async (pool, _request, work) => ({ done: true, answer: await withTransaction(pool, work) })
      : withIdempotency
    const finish = fixture.begin('create', origin, key)
    await fixture.createOnce(key, origin, answer)
    finish('ok', await insist(fixture, key, origin, answer))
    return finished(fixture, relay)
  }
})

testMutant({
  mutant: 'the answer is stored in a transaction of its own',
  fault: 'the session is lost between the two',
  breaks: ['I17'],
  async run (t, mutated) {
    const fixture = await Fixture.open(t)
    const relay = startRelay(t, fixture)
    const [key, origin] = [randomUUID(), randomUUID()]
    let lost = false
    const loseSessionOnce = () => {
      if (lost) return
      lost = true
      throw new Error('the session is lost')
    }
    const apart: WithIdempotency = async (pool, request, work) => {
      const client = await pool.connect()
      const found = await findAnswer(client, keyOf(request)).finally(() => { client.release() })
      if (found !== undefined) return { done: false, answer: { statusCode: found.statusCode, body: found.response } }
      const answer = await withTransaction(pool, work)
      loseSessionOnce()
      await withTransaction(pool, (client) => storeAnswer(client, keyOf(request), stored(answer.body)))
      return { done: true, answer }
    }
    const together: WithIdempotency = (pool, request, work) => withIdempotency(pool, request, async (client) => {
      const answer = await work(client)
      loseSessionOnce()
      return answer
    })
    const finish = fixture.begin('create', origin, key)
    finish('ok', await insist(fixture, key, origin, mutated ? apart : together))
    return finished(fixture, relay)
  }
})

testMutant({
  mutant: 'nothing holds a second request with the key back while the first is at work',
  fault: 'a client sends the request twice at a time',
  breaks: ['I17'],
  async run (t, mutated) {
    const fixture = await Fixture.open(t)
    const relay = startRelay(t, fixture)
    const [key, origin] = [randomUUID(), randomUUID()]
    const bothLooked = Promise.withResolvers<void>()
    let looked = 0
    const unlocked: WithIdempotency = (pool, request, work) => withTransaction(pool, async (client) => {
      const found = await findAnswer(client, keyOf(request))
      if (++looked === 2) bothLooked.resolve()
      await bothLooked.promise
      if (found !== undefined) return { done: false, answer: { statusCode: found.statusCode, body: found.response } }
      const answer = await work(client)
      await client.query('INSERT INTO idempotency_keys (key, request_hash, status_code, response) VALUES ($1, $2, 201, $3) ON CONFLICT DO NOTHING', [keyOf(request), 'hash', JSON.stringify(answer.body)])
      return { done: true, answer }
    })
    const finish = fixture.begin('create', origin, key)
    const answers = await Promise.all([1, 2].map(() => insist(fixture, key, origin, mutated ? unlocked : withIdempotency)))
    const { rows: [row] } = await fixture.admin.query<{ id: string }>('SELECT response->>\'id\' AS id FROM idempotency_keys WHERE key = $1', [key])
    // The client keeps one of the two answers: the stored one, which a further request would get.
    finish('ok', answers.find(({ id }) => id === row?.id))
    return finished(fixture, relay)
  }
})

testMutant({
  mutant: 'a repeated request is answered with the order as it is now',
  fault: 'the order was changed meanwhile',
  breaks: ['I18'],
  async run (t, mutated) {
    const fixture = await Fixture.open(t)
    const relay = startRelay(t, fixture)
    const [key, origin] = [randomUUID(), randomUUID()]
    const asItIs: WithIdempotency = async (pool, request, work) => {
      const { done, answer } = await withIdempotency(pool, request, work)
      const client = await pool.connect()
      const now = await findOrder(client, answer.body.id).finally(() => { client.release() })
      return { done, answer: { ...answer, body: now ?? answer.body } }
    }
    const answer = mutated ? asItIs : withIdempotency
    const finish = fixture.begin('create', origin, key)
    const order = await fixture.createOnce(key, origin, answer)
    await fixture.place('confirm', order.id)
    finish('ok', order, [await fixture.createOnce(key, origin, answer)])
    return finished(fixture, relay)
  }
})
