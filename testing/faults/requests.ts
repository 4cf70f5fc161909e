import type { Filter } from '@orders/testing/framework'

/** Recognises the requests of one kind by the first chunk of each. */
export type RequestKind = (chunk: Buffer) => boolean

/** https://kafka.apache.org/protocol#protocol_api_keys */
const API_KEYS = { Produce: 0, InitProducerId: 22, AddPartitionsToTxn: 24, EndTxn: 26, TxnOffsetCommit: 28 } as const

export type Api = keyof typeof API_KEYS

/**
 * The Kafka requests of one relay, which uses its name as client id. A request is length, api key, version, correlation id,
 * client id; kafkajs has one in flight for each connection.
 */
export function kafkaRequest (api: Api, relay: string): RequestKind {
  return (chunk) => isFrom(relay, chunk) && chunk.readInt16BE(4) === API_KEYS[api]
}

function isFrom (relay: string, chunk: Buffer): boolean {
  return chunk.length > 14 && chunk.toString('utf8', 14, 14 + chunk.readInt16BE(12)).startsWith(relay)
}

/** The Postgres statements that contain this text, or were prepared under this name. */
export function statement (text: string): RequestKind {
  return (chunk) => chunk.includes(text)
}

/** Does what `caught` returns with the first request of that kind, or with the answer to it. Everything else passes. */
export function catchOnce (isWanted: RequestKind, what: 'request' | 'answer', caught: () => ReturnType<Filter>): Filter {
  const awaited = new Set<number>()
  let done = false
  return (chunk, direction, link) => {
    if (done) return 'forward'
    if (direction === 'toServer' && isWanted(chunk)) {
      if (what === 'request') {
        done = true
        return caught()
      }
      awaited.add(link)
    } else if (direction === 'toClient' && awaited.has(link)) {
      done = true
      return caught()
    }
    return 'forward'
  }
}

/** Drops everything between this relay and Kafka. The connections stay open. */
export function cutOffFromKafka (relay: string): Filter {
  const links = new Set<number>()
  return (chunk, direction, link) => {
    if (direction === 'toServer' && isFrom(relay, chunk)) links.add(link)
    return links.has(link) ? 'swallow' : 'forward'
  }
}
