import { randomBytes } from 'node:crypto'

/**
 * A new id for a Kafka cluster: 16 random bytes in base64url, never with a dash in front, which Kafka's command line
 * would read as an option (as Kafka's own `Uuid.randomUuid`, KAFKA-13741).
 */
export function clusterId (): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url')
    if (!id.startsWith('-')) return id
  }
}
