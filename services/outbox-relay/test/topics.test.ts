import { PublishUncertainError, TopicUnavailableError, type TopicAccess, type TopicProbe } from '@orders/kafka'
import { pino } from 'pino'
import t from 'tap'
import { TopicGate, type TopicGateOptions } from '../src/publishing/topic-gate.ts'
import { TopicMap } from '../src/publishing/topics.ts'

const topics = TopicMap.parse('invoice=invoices,credit=invoices,refund=refunds', 'orders')

t.test('the types to read without a topic, and the types of that topic', async (t) => {
  t.same(topics.all, ['orders', 'invoices', 'refunds'])
  t.same(topics.typesWithout(new Set()), undefined)
  t.same(topics.typesWithout(new Set(['invoices'])), { except: ['invoice', 'credit'] })
  t.same(topics.typesOnly(new Set(['invoices'])), { only: ['invoice', 'credit'] })
  t.same(topics.typesWithout(new Set(['orders'])), { only: ['invoice', 'credit', 'refund'] })
  t.same(topics.typesOnly(new Set(['orders'])), { except: ['invoice', 'credit', 'refund'] })
  t.same(topics.typesWithout(new Set(['orders', 'refunds'])), { only: ['invoice', 'credit'] })
  t.same(topics.typesWithout(new Set(topics.all)), { only: [] })
  t.equal(topics.settingsOf('orders'), 'RELAY_DEFAULT_TOPIC')
  t.equal(TopicMap.parse('invoice=orders', 'orders').settingsOf('orders'), 'RELAY_TOPICS and RELAY_DEFAULT_TOPIC')
})

/** Answers as the test says. */
class FakeProbe implements TopicProbe {
  problems = new Map<string, string>()
  failure: Error | undefined

  async look (asked: readonly string[]): Promise<TopicAccess[]> {
    if (this.failure !== undefined) throw this.failure
    return asked.map((topic) => ({ topic, writeProblem: this.problems.get(topic), readProblem: this.problems.get(topic) }))
  }

  async close (): Promise<void> {}
}

function gate (options: Partial<TopicGateOptions> = {}): { gate: TopicGate, probe: FakeProbe, lines: Array<Record<string, unknown>> } {
  const probe = new FakeProbe()
  const lines: Array<Record<string, unknown>> = []
  const logger = pino({ base: null }, { write: (line: string) => { lines.push(JSON.parse(line) as Record<string, unknown>) } })
  return { gate: new TopicGate({ topics, positionTopic: undefined, probe, graceMs: undefined, logger, ...options }), probe, lines }
}

t.test('ready once every topic was found, and from then on', async (t) => {
  const { gate: topicGate, probe, lines } = gate()
  t.throws(() => { topicGate.assertFound() }, /not reached yet \(KAFKA_BROKERS\)/)
  probe.failure = new PublishUncertainError(Object.assign(new Error('no'), { name: 'KafkaJSSASLAuthenticationError' }))
  await topicGate.look()
  await topicGate.look()
  t.throws(() => { topicGate.assertFound() }, /look at KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD/)
  t.same(lines.map(({ event }) => event), ['kafka_not_reached'], 'logged once')
  probe.failure = undefined
  probe.problems.set('refunds', 'UNKNOWN_TOPIC_OR_PARTITION')
  await topicGate.look()
  t.throws(() => { topicGate.assertFound() }, /topic refunds \(RELAY_TOPICS\): UNKNOWN_TOPIC_OR_PARTITION/)
  probe.problems.clear()
  await topicGate.look()
  topicGate.assertFound()
  probe.failure = new Error('away')
  await topicGate.look()
  topicGate.assertFound()
  t.equal(topicGate.types, undefined, 'Kafka that is away says nothing of a topic')
})

t.test('a topic to which a send was refused is withheld, although metadata reports it as usable', async (t) => {
  const { gate: topicGate } = gate()
  const refused = new TopicUnavailableError([{ topic: 'invoices', reason: 'TOPIC_AUTHORIZATION_FAILED', isPosition: false }], new Error('no'))
  t.equal(topicGate.withhold(refused), true)
  t.equal(topicGate.withhold(refused), false, 'not newly withheld')
  t.same(topicGate.types, { except: ['invoice', 'credit'] })
  await topicGate.look()
  t.same(topicGate.types, { except: ['invoice', 'credit'] }, 'not tried again at once: that would be a takeover at each metadata request')
  const now = performance.now()
  t.intercept(performance, 'now', { value: () => now + 5_000 })
  let isBack = false
  topicGate.onBack(() => { isBack = true })
  await topicGate.look()
  t.equal(topicGate.types, undefined)
  t.ok(isBack)
})

t.test('no topic expires unless the operator asked for it', async (t) => {
  const { gate: patient, probe } = gate()
  probe.problems.set('orders', 'UNKNOWN_TOPIC_OR_PARTITION')
  await patient.look()
  const { gate: strict, probe: same } = gate({ graceMs: 1_000 })
  same.problems.set('orders', 'UNKNOWN_TOPIC_OR_PARTITION')
  await strict.look()
  t.equal(strict.expired, undefined)
  const now = performance.now()
  t.intercept(performance, 'now', { value: () => now + 1_000 })
  t.same(strict.expired, { except: ['invoice', 'credit', 'refund'] })
  t.equal(patient.expired, undefined)
  t.equal(strict.reasonFor('anything'), 'UNKNOWN_TOPIC_OR_PARTITION: topic orders (RELAY_DEFAULT_TOPIC)')
  t.equal(strict.reasonFor('invoice'), undefined)
})
