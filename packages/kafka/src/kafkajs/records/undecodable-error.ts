/** Bytes that are not what Kafka's protocol says they should be. */
export class UndecodableError extends Error {
  readonly code = 'KAFKA_UNDECODABLE'

  constructor (expected: string, found: string) {
    super(`expected ${expected}, found ${found}`)
    this.name = 'UndecodableError'
  }
}
