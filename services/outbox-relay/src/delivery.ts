import type { Fence } from '@orders/outbox'
import type { Batch } from './batch.ts'

/** How batches get into Kafka: {@link ExactlyOnce} or {@link AtLeastOnce}. */
export interface Delivery {
  /**
   * Becomes the one that may publish the shard, fences everybody before, and settles what they had in flight. The only
   * way to begin, and the only way to go on after any failure.
   */
  takeOver: () => Promise<Term>
}

/** One take-over's right to publish. It ends with its first error. */
export interface Term {
  readonly fence: Fence
  /** Resolves when the batch is in Kafka. */
  publish: (batch: Batch) => Promise<void>
  close: () => Promise<void>
}
