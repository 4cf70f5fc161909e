import { kafkajsModule } from '../module.ts'

/** The part of kafkajs's broker that our own request needs. */
export interface Broker {
  /** Supported versions by API key. */
  versions: Record<string, { minVersion: number, maxVersion: number } | undefined> | null
  connectionPool: {
    send: (protocol: { request: unknown, response: unknown }) => Promise<unknown>
    /** The first connection is for everything but fetches. */
    pool: Array<{ socket?: unknown }>
  }
}

interface BrokerPrototype {
  txnOffsetCommit: (this: Broker, commit: { topics: object }) => Promise<unknown>
}

/** The broker that accepted a commit, and its connection at that moment. */
export interface Acceptance {
  broker: Broker
  socket: unknown
}

const acceptances = new WeakMap<object, Acceptance>()

/** The broker that accepted these offsets in a transaction; undefined if none has. */
export function acceptanceOf (topics: object): Acceptance | undefined {
  return acceptances.get(topics)
}

/**
 * Remembers which broker accepted the offsets of a transaction. A read that has to see every earlier commit goes to that broker: a
 * group coordinator that was frozen answers reads from an old state for a while, but it cannot accept a write.
 */
export function rememberAcceptances (prototype: BrokerPrototype): void {
  const commit = prototype.txnOffsetCommit
  prototype.txnOffsetCommit = async function (this: Broker, options) {
    const answer = await commit.call(this, options)
    acceptances.set(options.topics, { broker: this, socket: socketOf(this) })
    return answer
  }
}

/** The connection that requests other than fetches use. */
export function socketOf ({ connectionPool: { pool: [connection] } }: Broker): unknown {
  return connection?.socket
}

rememberAcceptances(kafkajsModule<{ prototype: BrokerPrototype }>('broker', 'patches/offset-commit.ts').prototype)
