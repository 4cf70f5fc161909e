import type { KafkaConnection } from '@orders/kafka'
import { withAdmin } from '../../framework/index.ts'
import type { OrderRow } from '../final-state.ts'
import { untilCaughtUp } from './arrival.ts'
import { readEffects, readOrders, toOrigin } from './final-state.ts'
import { placeOf, type AcceptedOrder, type Delivery, type Observations } from './reconcile.ts'

export interface Sources {
  connection: KafkaConnection
  topic: string
  deadLetterTopic: string
  /** The consumer's. */
  group: string
  /** The order-api's database, as a role that may read everything. */
  ordersUrl: string
  /** The consumer's, the same. */
  viewsUrl: string
  delivery: Delivery
}

/**
 * Reads the whole topic as a read-committed reader, everything that the consumer wrote, and every order.
 *
 * @param load what the API accepted
 * @param stored the orders as they were before the events were waited for: another client may place one during this read
 */
export async function readObservations (
  sources: Sources, load: { accepted: ReadonlyMap<string, AcceptedOrder>, unanswered: number }, stored: readonly OrderRow[]
): Promise<Observations> {
  const { connection, topic, deadLetterTopic, group, ordersUrl, viewsUrl, delivery } = sources
  return withAdmin(connection, async (admin) => {
    const records = await admin.readTopic(topic)
    // Records written since the wait have effects too, and the effects are read next.
    await untilCaughtUp(admin, topic, group)
    const putAside = await admin.mapTopic(deadLetterTopic, (record) => placeOf(toOrigin(record)))
    const { effects, effectsCounted, views } = await readEffects(viewsUrl)
    return {
      accepted: load.accepted.values(),
      unanswered: load.unanswered,
      stored,
      records,
      putAside: new Set(putAside),
      effects,
      effectsCounted,
      views,
      storedAfter: await readOrders(ordersUrl),
      delivery
    }
  })
}
