/** Bytes that do not follow Kafka's protocol. */
export class UndecodableError extends Error {
  readonly code = 'KAFKA_UNDECODABLE'

  constructor (expected: string, found: string) {
    super(`expected ${expected}, found ${found}`)
    this.name = 'UndecodableError'
  }
}
