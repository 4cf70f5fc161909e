import type { ConsumedRecord, RecordHeaders } from '@orders/kafka'

const PREFIX = 'x-dead-letter-'
const MAX_MESSAGE_LENGTH = 1_000

export interface Origin {
  topic: string
  partition: number
  offset: string
  /** Set if the dead letter stands for several records, which could not be told apart. */
  lastOffset?: string
}

/** Why a record was put aside, and where it was read. */
export interface Verdict {
  origin: Origin
  reason: string
  message: string
}

/** The record's own headers, and the verdict; that of an earlier time is replaced. */
export function addVerdict (headers: ConsumedRecord['headers'], verdict: Verdict, messageLength = MAX_MESSAGE_LENGTH): RecordHeaders {
  const { origin, reason, message } = verdict
  const all = withoutVerdict(headers)
  all[`${PREFIX}reason`] = reason
  if (messageLength > 0) all[`${PREFIX}message`] = message.slice(0, messageLength)
  all[`${PREFIX}topic`] = origin.topic
  all[`${PREFIX}partition`] = String(origin.partition)
  all[`${PREFIX}offset`] = origin.offset
  if (origin.lastOffset !== undefined) all[`${PREFIX}last-offset`] = origin.lastOffset
  return all
}

/** What a stand-in says of the record that it stands for. */
export function addStandIn (headers: RecordHeaders, facts: Record<string, string>): RecordHeaders {
  headers[`${PREFIX}stand-in`] = 'true'
  for (const [name, value] of Object.entries(facts)) headers[PREFIX + name] = value
  return headers
}

/** Whether the record itself is not in this dead letter, so that it cannot be sent again from here. */
export function isStandIn (headers: RecordHeaders): boolean {
  return headers[`${PREFIX}stand-in`] !== undefined || headers[`${PREFIX}last-offset`] !== undefined ||
    readVerdict(headers).reason === UNDECODABLE
}

/** The reason of what could not be decoded: such a dead letter has the bytes, not the record. */
export const UNDECODABLE = 'undecodable'

/** The record's own headers, as they were before it was put aside. */
export function withoutVerdict (headers: RecordHeaders): RecordHeaders {
  // Without a prototype: a header that is called `__proto__` would become one.
  const own = Object.create(null) as RecordHeaders
  for (const name of Object.keys(headers)) {
    const value = headers[name]
    if (value !== undefined && !name.startsWith(PREFIX)) own[name] = value
  }
  return own
}

export function readVerdict (headers: RecordHeaders): Verdict {
  const text = (name: string) => String(headers[`${PREFIX}${name}`] ?? '')
  return {
    origin: { topic: text('topic'), partition: Number(text('partition')), offset: text('offset') }, reason: text('reason'), message: text('message')
  }
}
