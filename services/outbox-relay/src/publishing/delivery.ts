import type { EventNames, Fence, TakenOver } from '@orders/outbox'
import type { Batch } from './batch.ts'

/** How batches get into Kafka: {@link ExactlyOnce} or {@link AtLeastOnce}. */
export interface Delivery {
  /**
   * The rest of a take-over, after the epoch was raised: fences in Kafka who published before, and settles what was in
   * flight. The only way to begin, and the only way to go on after any failure.
   *
   * @throws FencedError when somebody else has taken over meanwhile
   */
  begin: (taken: TakenOver) => Promise<Term>
}

/** One take-over's right to publish. It ends with its first error. */
export interface Term {
  readonly fence: Fence
  /** Kafka's position was neither of the two that this database can have written: its own from another time, or another's. */
  readonly foundForeignPosition?: boolean
  /**
   * Resolves when the batch is in Kafka.
   *
   * @param before the events of the batch before, which is in Kafka and not completed yet: completed by the time this resolves
   * @throws RecordRefusedError only when `before` is completed: what refused records are put aside with clears the claim
   */
  publish: (batch: Batch, before: EventNames) => Promise<void>
  close: () => Promise<void>
}
