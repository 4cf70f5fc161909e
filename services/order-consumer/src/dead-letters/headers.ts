import type { ConsumedRecord, RecordHeaders } from '@orders/kafka'

const PREFIX = 'x-dead-letter-'
const MAX_MESSAGE_LENGTH = 1_000

export interface Origin {
  topic: string
  partition: number
  offset: string
  /** Set if the dead letter stands for several records that could not be separated. */
  lastOffset?: string
}

/** Why a record became a dead letter, and where it was read. */
export interface DeadLetterInfo {
  origin: Origin
  reason: string
  message: string
}

/** The record's own headers, with the dead letter's headers added. Those of an earlier dead letter are replaced. */
export function addInfo (headers: ConsumedRecord['headers'], { origin, reason, message }: DeadLetterInfo, messageLength = MAX_MESSAGE_LENGTH): RecordHeaders {
  const all = withoutInfo(headers)
  all[`${PREFIX}reason`] = reason
  if (messageLength > 0) all[`${PREFIX}message`] = message.slice(0, messageLength)
  all[`${PREFIX}topic`] = origin.topic
  all[`${PREFIX}partition`] = String(origin.partition)
  all[`${PREFIX}offset`] = origin.offset
  if (origin.lastOffset !== undefined) all[`${PREFIX}last-offset`] = origin.lastOffset
  return all
}

/** Marks a stand-in, with facts about the record that it replaces. */
export function addStandIn (headers: RecordHeaders, facts: Record<string, string>): RecordHeaders {
  headers[`${PREFIX}stand-in`] = 'true'
  for (const [name, value] of Object.entries(facts)) headers[PREFIX + name] = value
  return headers
}

/** Whether the dead letter does not contain the record itself, so that it cannot be replayed. */
export function isStandIn (headers: RecordHeaders): boolean {
  return headers[`${PREFIX}stand-in`] !== undefined || headers[`${PREFIX}last-offset`] !== undefined ||
    readInfo(headers).reason === UNDECODABLE
}

/** The reason of a record that could not be decoded. Such a dead letter contains the bytes, not the record. */
export const UNDECODABLE = 'undecodable'

/** The record's own headers, without those of the dead letter. */
export function withoutInfo (headers: RecordHeaders): RecordHeaders {
  // Without a prototype: a header called `__proto__` would set it.
  const own = Object.create(null) as RecordHeaders
  for (const name of Object.keys(headers)) {
    const value = headers[name]
    if (value !== undefined && !name.startsWith(PREFIX)) own[name] = value
  }
  return own
}

export function readInfo (headers: RecordHeaders): DeadLetterInfo {
  const text = (name: string) => String(headers[`${PREFIX}${name}`] ?? '')
  return {
    origin: { topic: text('topic'), partition: Number(text('partition')), offset: text('offset') }, reason: text('reason'), message: text('message')
  }
}
