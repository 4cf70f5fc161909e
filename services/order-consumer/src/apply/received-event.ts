import { InvalidOrderEventError, ORDER_AGGREGATE_TYPE, parseOrderEvent, STATUS_AFTER, type OrderStatus } from '@orders/contracts'
import { CloudEventError, decodeCloudEvent } from '@orders/contracts/cloud-events'
import type { ConsumedRecord } from '@orders/kafka'
import { UNDECODABLE } from '../dead-letters/headers.ts'

/** An order event that can be applied. */
export interface ReceivedEvent {
  eventId: string
  orderId: string
  customerId: string
  version: number
  status: OrderStatus
  occurredAt: Date
  traceparent: string | undefined
}

/** A record that can never be applied, with the reason. */
export class UnusableRecordError extends Error {
  readonly code = 'CONSUMER_UNUSABLE_RECORD'
  readonly reason: string

  constructor (reason: string, message: string) {
    super(message)
    this.name = 'UnusableRecordError'
    this.reason = reason
  }
}

/** @throws UnusableRecordError and nothing else: no record may stop its partition, whatever it contains */
export function readEvent (record: ConsumedRecord): ReceivedEvent {
  if (record.damage !== undefined) throw new UnusableRecordError(UNDECODABLE, record.damage.message)
  try {
    const event = decodeCloudEvent({ value: record.value, headers: record.headers })
    if (event.aggregateType !== ORDER_AGGREGATE_TYPE) {
      throw new UnusableRecordError('unknown-aggregate', `expected the aggregate type ${ORDER_AGGREGATE_TYPE}, found ${JSON.stringify(event.aggregateType)}`)
    }
    const { type, data } = parseOrderEvent(event.type, event.data)
    // Lower case: Postgres treats both spellings as one id, and so must the maps by order id.
    const orderId = data.orderId.toLowerCase()
    if (orderId !== event.aggregateId.toLowerCase()) {
      throw new UnusableRecordError('schema', `expected the order ${event.aggregateId} of the headers, found ${data.orderId} in the data`)
    }
    return {
      eventId: event.id,
      orderId,
      customerId: data.customerId,
      version: event.aggregateVersion,
      status: STATUS_AFTER[type],
      occurredAt: event.time,
      traceparent: event.traceparent
    }
  } catch (error) {
    if (error instanceof CloudEventError) throw new UnusableRecordError('not-a-cloud-event', error.message)
    if (error instanceof InvalidOrderEventError) throw new UnusableRecordError(error.reason, error.message)
    if (error instanceof UnusableRecordError) throw error
    throw new UnusableRecordError(UNDECODABLE, `expected an event, found a record that cannot be decoded: ${String(error)}`)
  }
}
