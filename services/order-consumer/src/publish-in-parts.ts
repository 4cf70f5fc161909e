import type { EventRecord, PlainPublisher } from '@orders/kafka'

/** All that one publish sends to a partition is one batch for Kafka, which may not exceed its limit for a single record. */
const MAX_PUBLISH_BYTES = 256 * 1_024

/** Publishes in the order given. @throws PublishError and then the parts before it are in their topics */
export async function publishInParts (publisher: PlainPublisher, records: readonly EventRecord[]): Promise<void> {
  let part: EventRecord[] = []
  let bytes = 0
  for (const record of records) {
    const size = sizeOf(record)
    if (part.length > 0 && bytes + size > MAX_PUBLISH_BYTES) {
      await publisher.publish(part)
      part = []
      bytes = 0
    }
    part.push(record)
    bytes += size
  }
  if (part.length > 0) await publisher.publish(part)
}

function sizeOf ({ key, value, headers }: EventRecord): number {
  const headerBytes = Object.values(headers).flat().reduce((sum, header) => sum + header.length, 0)
  return (key?.length ?? 0) + (value?.length ?? 0) + headerBytes
}
