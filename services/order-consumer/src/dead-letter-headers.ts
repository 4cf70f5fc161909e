import type { ConsumedRecord, EventRecord } from '@orders/kafka'

const PREFIX = 'x-dead-letter-'
const MAX_MESSAGE_LENGTH = 1_000

export interface Origin {
  topic: string
  partition: number
  offset: string
}

/** Why a record was put aside, and where it was read. */
export interface Verdict {
  origin: Origin
  reason: string
  message: string
}

type Headers = EventRecord['headers']

/** The record's own headers, and the verdict; that of an earlier time is replaced. */
export function addVerdict (headers: ConsumedRecord['headers'], { origin, reason, message }: Verdict): Headers {
  return {
    ...withoutVerdict(headers),
    [`${PREFIX}reason`]: reason,
    [`${PREFIX}message`]: message.slice(0, MAX_MESSAGE_LENGTH),
    [`${PREFIX}topic`]: origin.topic,
    [`${PREFIX}partition`]: String(origin.partition),
    [`${PREFIX}offset`]: origin.offset
  }
}

/** The record's own headers, as they were before it was put aside. */
export function withoutVerdict (headers: ConsumedRecord['headers'] = {}): Headers {
  const own: Headers = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !name.startsWith(PREFIX)) own[name] = value
  }
  return own
}

export function readVerdict (headers: ConsumedRecord['headers'] = {}): Verdict {
  const text = (name: string) => String(headers[`${PREFIX}${name}`] ?? '')
  return {
    origin: { topic: text('topic'), partition: Number(text('partition')), offset: text('offset') }, reason: text('reason'), message: text('message')
  }
}
