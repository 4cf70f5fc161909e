import type { Filter } from './tcp-proxy.ts'

/**
 * Drops the answers to one kind of request to Kafka: the broker does it, and the client never learns. A request begins with
 * length, api key, version and correlation id; its answer with length and correlation id, which are unique for a connection.
 * kafkajs writes one request at a time, and each small answer arrives in one chunk.
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
