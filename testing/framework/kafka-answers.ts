import type { Filter } from './tcp-proxy.ts'

/**
 * Swallows the answers to one kind of Kafka's requests: done, and nobody hears of it. A request is length, api key, version,
 * correlation id; its answer begins with length and correlation id, which every connection counts for itself. kafkajs writes one
 * request at a time, and the small answers come in a chunk each.
 *
 * @param apiKey https://kafka.apache.org/protocol#protocol_api_keys
 */
export function swallowKafkaAnswers (apiKey: number, onSwallow: () => void = () => {}): Filter {
  const awaited = new Set<string>()
  return (chunk, direction, link) => {
    if (chunk.length < 12) return 'forward'
    if (direction === 'toServer' && chunk.readInt16BE(4) === apiKey) awaited.add(`${link} ${chunk.readInt32BE(8)}`)
    if (direction === 'toClient' && awaited.delete(`${link} ${chunk.readInt32BE(4)}`)) {
      onSwallow()
      return 'swallow'
    }
    return 'forward'
  }
}
