import { kafkajsModule } from '../module.ts'

const FILE = 'patches/coordinators.ts'

/** kafkajs's `COORDINATOR_TYPES.TRANSACTION`. */
const TRANSACTION = 1
/** How long an answer is used. Short: a repeated question after "not the coordinator any more" must get a new answer in the end. */
const MAX_AGE_MS = 1_000

interface Query {
  groupId: string
  coordinatorType?: number
}

interface CachedCluster {
  findGroupCoordinator: (query: Query) => Promise<unknown>
}

/**
 * Caches the coordinators in the client of a transactional producer. kafkajs asks for the coordinator before each request of a
 * transaction: the cache makes five round trips of nine.
 *
 * A client is known as transactional by its first question for a transaction coordinator. A consumer is left alone: it asks
 * because it lost its group's coordinator, and needs the new one.
 */
export function cacheCoordinators (prototype: CachedCluster): void {
  const find = prototype.findGroupCoordinator
  const caches = new WeakMap<CachedCluster, Map<string, { answer: Promise<unknown>, askedAt: number }>>()
  prototype.findGroupCoordinator = async function (this: CachedCluster, query: Query) {
    const { groupId, coordinatorType = 0 } = query
    let cache = caches.get(this)
    if (cache === undefined) {
      if (coordinatorType !== TRANSACTION) return find.call(this, query)
      cache = new Map()
      caches.set(this, cache)
    }
    const key = `${coordinatorType} ${groupId}`
    const known = cache.get(key)
    if (known !== undefined && performance.now() - known.askedAt < MAX_AGE_MS) return known.answer
    const entry = { answer: find.call(this, query), askedAt: performance.now() }
    cache.set(key, entry)
    entry.answer.catch(() => { if (cache.get(key) === entry) cache.delete(key) })
    return entry.answer
  }
}

interface RetryingCluster {
  findGroupCoordinatorMetadata: (query: unknown) => Promise<unknown>
}

/**
 * Makes "no broker knows the coordinator of this group" an error that is retried. It is usual for a while after a broker was
 * started or moved, but kafkajs takes it as final: the consumer would give up forever, and its process would have to end.
 */
export function retryWithoutCoordinator (prototype: RetryingCluster): void {
  const find = prototype.findGroupCoordinatorMetadata
  prototype.findGroupCoordinatorMetadata = async function (this: RetryingCluster, query: unknown) {
    try {
      return await find.call(this, query)
    } catch (error) {
      if (error instanceof Error && error.name === 'KafkaJSGroupCoordinatorNotFound') Object.assign(error, { retriable: true })
      throw error
    }
  }
}

const { prototype } = kafkajsModule<{ prototype: CachedCluster & RetryingCluster }>('cluster', FILE)
cacheCoordinators(prototype)
retryWithoutCoordinator(prototype)
