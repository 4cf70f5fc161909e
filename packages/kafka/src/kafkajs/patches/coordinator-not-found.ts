import { kafkajsModule } from '../module.ts'

interface Cluster {
  findGroupCoordinatorMetadata: (query: unknown) => Promise<unknown>
}

/**
 * kafkajs takes "no broker can say who coordinates the group", which is usual for a while after a broker was started or
 * moved, for a failure that no repetition mends: the consumer would give up for good, and its process would have to end.
 */
export function retryWithoutCoordinator (prototype: Cluster): void {
  const find = prototype.findGroupCoordinatorMetadata
  prototype.findGroupCoordinatorMetadata = async function (this: Cluster, query: unknown) {
    try {
      return await find.call(this, query)
    } catch (error) {
      if (error instanceof Error && error.name === 'KafkaJSGroupCoordinatorNotFound') Object.assign(error, { retriable: true })
      throw error
    }
  }
}

const { prototype } = kafkajsModule<{ prototype: Cluster }>('cluster', 'patches/coordinator-not-found.ts')
retryWithoutCoordinator(prototype)
