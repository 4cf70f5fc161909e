import { testPostgres, until } from '@orders/testing/framework'
import { interrupt, type Moment } from '@orders/testing/faults/interrupt'
import { catchOnce, kafkaRequest, statement } from '@orders/testing/faults/requests'
import t, { type Test } from 'tap'
import { KEEP_AWAY_MS } from '../src/layout/layout-change.ts'
import { brokerBehindProxy, sharedFilters } from './fixture/broker.ts'
import { refuses, whilePosting } from './fixture/layout.ts'
import { NO_ANOMALIES, RelayFixture, type Relay } from './fixture/relay-fixture.ts'
import { AGGREGATES, CLAIMED, COMMITTED } from './fixture/zombie.ts'

const SIGKILLED = 137
/** Slow: the events of many tests at once are published meanwhile. */
const PAUSE_MS = 200
/** Relays compare and try again at least this often, so little is added to the time that they have to keep away. */
const SETTINGS = { RELAY_BACKOFF_MAX_MS: '1000' }
const LEASE = { RELAY_LEASE_DURATION_MS: '5000', RELAY_RENEW_DEADLINE_MS: '4000', RELAY_RETRY_PERIOD_MS: '500', RELAY_SEND_DEADLINE_MS: '3000' }
/** After the time to keep away. On a slow machine, takeovers take their time. */
const RECOVERY_MS = 120_000

/** A moment in the work of the program that changes the settings. */
interface Crash extends Moment {
  /** The publishing relay is frozen at this moment, so the change finds a batch in flight. */
  inFlight?: Moment
  /** The settings that are in force afterwards. */
  inForce?: 'new'
  /** The change is only made again at once: relays that find a batch half settled have tests of their own (zombies-taking-over). */
  onlyAtOnce?: true
}

/** In the order of the work. */
const CRASHES: Crash[] = [
  { when: 'after the change is announced', link: 'postgres', request: () => statement('SET changing_until'), at: 'answer' },
  { when: 'after the takeover of the first shard', link: 'postgres', request: () => statement('UPDATE relay_shard AS s'), at: 'answer' },
  { when: 'with the former producer fenced', link: 'kafka', request: (change) => kafkaRequest('InitProducerId', change), at: 'answer', inFlight: CLAIMED, onlyAtOnce: true },
  { when: 'in the transaction in which the position is read', link: 'kafka', request: (change) => kafkaRequest('TxnOffsetCommit', change), at: 'answer', inFlight: COMMITTED, onlyAtOnce: true },
  { when: 'before the batch in flight is completed', link: 'postgres', request: () => statement('outbox_complete'), at: 'lost request', inFlight: COMMITTED },
  { when: 'after the batch in flight is completed', link: 'postgres', request: () => statement('outbox_complete'), at: 'answer', inFlight: COMMITTED, onlyAtOnce: true },
  { when: 'after the claim is dropped', link: 'postgres', request: () => statement('outbox_drop_claim'), at: 'answer', inFlight: CLAIMED, onlyAtOnce: true },
  { when: 'after the takeover of every shard', link: 'postgres', request: () => statement('BEGIN ISOLATION'), at: 'lost request' },
  { when: 'at its commit, which is lost', link: 'postgres', request: () => statement('COMMIT'), at: 'lost request' },
  // Postgres keeps the locks of the transaction until it gives it up (idle_in_transaction_session_timeout).
  { when: 'at its commit, with its machine cut off', link: 'postgres', request: () => statement('COMMIT'), at: 'cut off' },
  { when: 'after its commit', link: 'postgres', request: () => statement('COMMIT'), at: 'answer', inForce: 'new' }
]

// Some 60 processes start here, which takes minutes on a machine that is busy.
t.setTimeout(900_000)

const { broker, proxy } = await brokerBehindProxy(t)
const kafka = sharedFilters(proxy)
const postgres = await testPostgres(t)
let last: Promise<unknown> = Promise.resolve()

/** One after the other: a burst of starting processes would outlast the deadlines. The tests wait at the same time, for the relays to go on. */
async function inTurn<T> (work: () => Promise<T>): Promise<T> {
  const result = last.then(work)
  last = result.catch(() => {})
  return result
}

/**
 * Starts the change and kills it at that moment.
 *
 * @returns a function that lets the relay go on that was frozen with a batch in flight
 */
async function crashChange (t: Test, fixture: RelayFixture, { inFlight, ...moment }: Crash, publishing: Relay, change: Relay): Promise<() => void> {
  let thaw = () => {}
  if (inFlight !== undefined) {
    thaw = await interrupt(inFlight, { relay: publishing, kafka, signal: 'SIGSTOP', meanwhile: async () => {} })
    const { rowCount } = await fixture.pool.query("SELECT FROM relay_shard WHERE claimed_ids <> '{}'")
    t.ok(rowCount, 'a batch is in flight')
  }
  const killed = interrupt(moment, { relay: change, kafka, signal: 'SIGKILL', meanwhile: async () => {} })
  await Promise.all([killed, change.service.start(false)])
  t.equal(await change.service.exited(), SIGKILLED)
  return thaw
}

/** Resolves when events that are posted from now on are published, with all before them. */
async function publishesAgain ({ pool }: RelayFixture, deadlineMs: number): Promise<void> {
  const newest = async () => (await pool.query<{ id: number }>('SELECT last_value::int AS id FROM outbox_events_id_seq')).rows[0]?.id ?? 0
  const last = await newest() + 2 * AGGREGATES.length
  await until(async () => {
    const { rowCount } = await pool.query('SELECT FROM outbox_events WHERE id <= $1', [last])
    if (rowCount !== 0) throw new Error(`${rowCount} events in the outbox`)
    return await newest() >= last
  }, { what: 'what is posted now to be published', deadlineMs })
}

/** How many events this relay has published. */
async function publishedBy (fixture: RelayFixture, { service }: Relay): Promise<number> {
  return (await fixture.metrics(service)).sum('relay_published_total')
}

function foundNothingForeign (t: Test, ...relays: Relay[]): void {
  for (const { name, service } of relays) t.notOk(service.logs.some(({ event }) => event === 'position_foreign'), `${name} found no foreign position`)
}

/** A side of the change: a relay, and the settings that it must have in common with others. */
interface Side {
  relay: Relay
  settings: Record<string, string>
}

/** The first relay publishes under its settings; the second one waits for a change to its own. */
async function begin (fixture: RelayFixture, first: Record<string, string>, second: Record<string, string>): Promise<[publishing: Side, waiting: Side]> {
  const publishing = { relay: await fixture.relay(named(fixture, 'first'), first), settings: first }
  await fixture.post(...AGGREGATES)
  await fixture.published({ deadlineMs: RECOVERY_MS })
  const waiting = { relay: await fixture.relay(named(fixture, 'second'), second), settings: second }
  await refuses(waiting.relay, 'RELAY_SHARDS')
  return [publishing, waiting]
}

/** The proxy of the broker, which the tests share, knows a client by its name. */
function named ({ relayName }: RelayFixture, what: string): string {
  return `${relayName} ${what}`
}

t.test('a change of the settings is killed', async (t) => {
  // Each waits for most of its time.
  t.jobs = CRASHES.length + 2
  for (const crash of CRASHES.filter(({ onlyAtOnce }) => onlyAtOnce !== true)) {
    void t.test(`${crash.when}: one side publishes again by itself, and the change can be made later`, { buffered: true }, async (t) => {
      const fixture = await RelayFixture.create(t, { kafka: broker, postgres, settings: SETTINGS })
      const settings = { RELAY_NAME: `${fixture.relayName}-renamed`, RELAY_SHARDS: '3' }
      const change = await fixture.layoutChange(named(fixture, 'change'), settings)
      const { old, next, thaw } = await inTurn(async () => {
        const [old, next] = await begin(fixture, { RELAY_SHARDS: '2' }, settings)
        return { old: old.relay, next: next.relay, thaw: await whilePosting(fixture, AGGREGATES, crashChange(t, fixture, crash, old.relay, change), PAUSE_MS) }
      })
      const goOn = async () => {
        thaw()
        const [inForce, other] = crash.inForce === 'new' ? [next, old] : [old, next]
        const before = await publishedBy(fixture, other)
        await publishesAgain(fixture, KEEP_AWAY_MS + RECOVERY_MS)
        await refuses(other, 'RELAY_SHARDS')
        t.equal(await fixture.leader(), inForce.name)
        t.equal(await publishedBy(fixture, other), before, 'the other side published nothing')
        const log = await fixture.changeLayout(settings)
        t.ok(log.some(({ event }) => event === (crash.inForce === 'new' ? 'layout_unchanged' : 'layout_changed')))
        await refuses(old, 'RELAY_SHARDS')
        await publishesAgain(fixture, RECOVERY_MS)
      }
      await whilePosting(fixture, AGGREGATES, goOn(), PAUSE_MS)
      await fixture.published()
      for (const shard of [0, 1, 2]) t.equal(await fixture.leader(shard), next.name)
      t.same(await fixture.anomalies(), NO_ANOMALIES)
      foundNothingForeign(t, old, next, change)
    })
  }

  void t.test('and made again at once, while relays keep away', { buffered: true }, async (t) => {
    // The relay that waits gets the lease of the frozen one when it expires.
    const fixture = await RelayFixture.create(t, { kafka: broker, postgres, settings: { ...SETTINGS, ...LEASE } })
    let [publishing, waiting] = await begin(fixture, { RELAY_SHARDS: '2' }, { RELAY_SHARDS: '3' })
    // What a relay would have settled, the second change finds.
    for (const [index, crash] of CRASHES.filter(({ inFlight, at }) => inFlight !== undefined || at === 'cut off').entries()) {
      await t.test(crash.when, async (t) => {
        const change = await fixture.layoutChange(named(fixture, `change ${index}`), waiting.settings)
        const changeTwice = async () => {
          await refuses(waiting.relay, 'RELAY_SHARDS')
          const thaw = await crashChange(t, fixture, crash, publishing.relay, change)
          try {
            await fixture.changeLayout(waiting.settings)
            await publishesAgain(fixture, RECOVERY_MS)
          } finally {
            thaw()
          }
          await refuses(publishing.relay, 'RELAY_SHARDS')
          await publishesAgain(fixture, RECOVERY_MS)
        }
        await whilePosting(fixture, AGGREGATES, changeTwice(), PAUSE_MS)
        await fixture.published()
        t.equal(await fixture.leader(), waiting.relay.name)
        t.same(await fixture.anomalies(), NO_ANOMALIES)
        foundNothingForeign(t, publishing.relay, waiting.relay, change)
      });
      [publishing, waiting] = [waiting, publishing]
    }
  })

  void t.test('not at all, but the answer to its commit is lost: it finds the new settings in force', { buffered: true }, async (t) => {
    const fixture = await RelayFixture.create(t, { kafka: broker, postgres, settings: SETTINGS })
    await inTurn(async () => {
      await fixture.relay(named(fixture, 'first'))
      await fixture.post(...AGGREGATES)
      await fixture.published({ deadlineMs: RECOVERY_MS })
      const { service, postgres: link } = await fixture.layoutChange(named(fixture, 'change'), { RELAY_SHARDS: '2' })
      link.filter(catchOnce(statement('COMMIT'), 'answer', () => 'swallow'))
      await service.start(false)
      t.equal(await service.exited(), 0)
      t.ok(service.logs.some(({ event }) => event === 'layout_changed'))
    })
  })
})
