import { kafkajsModule } from '../module.ts'

/** `COORDINATOR_TYPES.TRANSACTION` of kafkajs. */
const TRANSACTION = 1
/**
 * How long an answer is used, in milliseconds. What is asked again after "not the coordinator any more" has to get
 * another answer in the end.
 */
const MAX_AGE_MS = 1_000

interface Query {
  groupId: string
  coordinatorType?: number
}

interface Cluster {
  findGroupCoordinator: (query: Query) => Promise<unknown>
}

/**
 * Keeps kafkajs from asking who coordinates before each of the requests of a transaction: five round trips where there
 * were nine.
 *
 * Only in the client of a transactional producer, which is known by its question for the coordinator of transactions. A
 * consumer asks when it has lost its group's coordinator, and has to be told the new one.
 */
export function cacheCoordinators (prototype: Cluster): void {
  const find = prototype.findGroupCoordinator
  const caches = new WeakMap<Cluster, Map<string, { answer: Promise<unknown>, askedAt: number }>>()
  prototype.findGroupCoordinator = async function (this: Cluster, query: Query) {
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

const { prototype } = kafkajsModule<{ prototype: Cluster }>('cluster', 'patches/coordinator-cache.ts')
cacheCoordinators(prototype)
