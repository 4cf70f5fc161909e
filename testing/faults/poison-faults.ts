import { randomUUID } from 'node:crypto'
import { openPlainPublisher } from '@orders/kafka'
import { enqueue, type NewEvent } from '@orders/outbox'
import type { Fault } from './fault.ts'
import type { System } from '../system/system.ts'

const TOO_LARGE = 1_200_000
let operations = 0

/** An order and its event by another writer than order-api, in one transaction. */
async function place ({ admin, recorder }: System, payload: (orderId: string) => NewEvent['payload']): Promise<void> {
  const orderId = randomUUID()
  const origin = `poison-${orderId}`
  // Negative: the clients number their operations from one.
  const entry = { kind: 'client' as const, process: 'poisoner', f: 'create' as const, op: -++operations }
  recorder.record({ ...entry, type: 'invoke', origin })
  // Postgres may be down because of another fault; then nothing is sent this time.
  const client = await admin.connect().catch(() => undefined)
  if (client === undefined) return
  try {
    await client.query('BEGIN')
    await client.query('INSERT INTO orders (id, customer_id) VALUES ($1, $2)', [orderId, origin])
    await enqueue(client, {
      aggregateType: 'order', aggregateId: orderId, aggregateVersion: 1, eventType: 'OrderCreated', payload: payload(orderId)
    })
    await client.query('COMMIT')
    recorder.record({ ...entry, type: 'ok', order: orderId, version: 1, status: 'PENDING' })
    client.release()
  } catch {
    client.release(true)
  }
}

/** Events that cannot be processed. */
export const poisonFaults: readonly Fault[] = [
  {
    f: 'F18',
    title: 'events too large for Kafka',
    places: ['topic'],
    forMs: [500, 1_000],
    async start (system) {
      for (let count = 0; count < 2; count++) await place(system, (orderId) => ({ orderId, customerId: 'poison', padding: 'x'.repeat(TOO_LARGE) }))
      return { target: 'outbox', affects: ['outbox-relay'], heal: async () => {} }
    }
  },
  {
    f: 'F18',
    title: 'events that no consumer can apply',
    places: ['topic'],
    forMs: [500, 1_000],
    async start (system) {
      for (let count = 0; count < 3; count++) await place(system, () => ({ nonsense: count }))
      return { target: 'outbox', affects: ['order-consumer'], heal: async () => {} }
    }
  },
  {
    f: 'F18',
    title: 'records in the topic that are no events',
    places: ['topic'],
    forMs: [500, 1_000],
    async start ({ connection, topic }) {
      // Kafka may be down because of another fault; then nothing is sent this time.
      const publisher = await openPlainPublisher(connection, { sendDeadlineMs: 5_000 }).catch(() => undefined)
      await publisher?.publish([
        { topic, key: 'poison', value: 'no JSON', headers: {} },
        { topic, key: null, value: null, headers: { 'content-type': 'application/json' } },
        { topic, key: 'poison', value: '{}', headers: { ce_specversion: '9' } }
      ]).catch(() => {})
      await publisher?.close()
      return { target: 'topic', affects: ['order-consumer'], heal: async () => {} }
    }
  }
]
