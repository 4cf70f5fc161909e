import type { Fault } from './fault.ts'
import type { Replica } from '../system/replica.ts'
import type { System } from '../system/system.ts'

/** The leading relay, or any relay if none leads. */
export function leaderOf ({ leader, relays }: System): Replica {
  const found = leader?.process === undefined ? relays.find(({ process }) => process !== undefined) : leader
  return found ?? relays[0] ?? fail()
}

function fail (): never {
  throw new Error('expected at least one relay, found none')
}

/** Services that are killed, frozen, slowed down and restarted. */
export const processFaults: readonly Fault[] = [
  {
    f: 'F1',
    title: 'kill -9 of the leading relay',
    places: ['relays'],
    forMs: [500, 8_000],
    weight: 3,
    async start (system) {
      const leader = leaderOf(system)
      await leader.end('SIGKILL')
      return { target: leader.name, affects: ['outbox-relay'], heal: () => leader.start() }
    }
  },
  {
    f: 'F1',
    title: 'kill -9 of all relays at once',
    places: ['relays'],
    forMs: [500, 5_000],
    async start ({ relays }) {
      await Promise.all(relays.map((relay) => relay.end('SIGKILL')))
      return { target: 'all relays', affects: ['outbox-relay'], heal: () => Promise.all(relays.map((relay) => relay.start())) }
    }
  },
  {
    f: 'F2',
    title: 'SIGTERM to the leading relay',
    places: ['relays'],
    forMs: [500, 4_000],
    async start (system) {
      const leader = leaderOf(system)
      await leader.end('SIGTERM')
      return { target: leader.name, affects: ['outbox-relay'], heal: () => leader.start() }
    }
  },
  {
    f: 'F3',
    title: 'the leading relay is frozen for longer than its lease, then thawed',
    places: ['relays'],
    forMs: [7_000, 15_000],
    weight: 3,
    start (system) {
      const leader = leaderOf(system)
      leader.freeze()
      return { target: leader.name, affects: ['outbox-relay'], heal: async () => { leader.thaw() } }
    }
  },
  {
    f: 'F3',
    title: 'the leading relay is frozen for less than its lease',
    places: ['relays'],
    forMs: [500, 4_000],
    start (system) {
      const leader = leaderOf(system)
      leader.freeze()
      return { target: leader.name, affects: ['outbox-relay'], heal: async () => { leader.thaw() } }
    }
  },
  {
    f: 'F24',
    title: 'kill -9 of the consumer',
    places: ['consumer'],
    forMs: [500, 6_000],
    weight: 2,
    async start ({ consumer }) {
      await consumer.end('SIGKILL')
      return { target: consumer.name, affects: ['order-consumer'], heal: () => consumer.start() }
    }
  },
  {
    f: 'F24',
    title: 'the consumer is frozen for longer than its session, then thawed',
    places: ['consumer'],
    forMs: [11_000, 15_000],
    start ({ consumer }) {
      consumer.freeze()
      return { target: consumer.name, affects: ['order-consumer'], heal: async () => { consumer.thaw() } }
    }
  },
  {
    f: 'F26',
    title: 'rolling restart of every service',
    places: ['relays', 'api', 'consumer'],
    forMs: [100, 200],
    async start ({ api, relays, consumer }) {
      return {
        target: 'all services',
        // There is one order-api here, so no orders are accepted during its restart.
        affects: ['order-api', 'outbox-relay', 'order-consumer'],
        async heal () {
          for (const replica of [api, ...relays, consumer]) {
            await replica.end('SIGTERM')
            await replica.start()
          }
        }
      }
    }
  },
  {
    f: 'F28',
    title: 'the leading relay gets a tenth of its CPU time',
    places: ['relays'],
    forMs: [4_000, 10_000],
    start (system) {
      const leader = leaderOf(system)
      const end = new AbortController()
      const squeeze = (async () => {
        while (!end.signal.aborted) {
          leader.freeze()
          await new Promise((resolve) => setTimeout(resolve, 450))
          leader.thaw()
          await new Promise((resolve) => setTimeout(resolve, 50))
        }
      })()
      return { target: leader.name, affects: ['outbox-relay'], heal: () => { end.abort(); return squeeze } }
    }
  },
  {
    f: 'F31',
    title: 'kill -9 of order-api',
    places: ['api'],
    forMs: [500, 4_000],
    async start ({ api }) {
      await api.end('SIGKILL')
      return { target: api.name, affects: ['order-api'], heal: () => api.start() }
    }
  },
  {
    f: 'F31',
    title: 'order-api is frozen, then thawed',
    places: ['api'],
    forMs: [1_000, 12_000],
    start ({ api }) {
      api.freeze()
      return { target: api.name, affects: ['order-api'], heal: async () => { api.thaw() } }
    }
  }
]
