import { Kafka } from '../servers/kafka.ts'
import { Kubernetes } from '../servers/kubernetes.ts'
import { Postgres } from '../servers/postgres.ts'

/** The part of a tap test that the helpers need. */
export interface TestContext {
  teardown: (work: () => Promise<unknown> | unknown) => unknown
}

/** The Postgres of this test run (`npm test` starts one for all files), or one for this test. */
export async function testPostgres (t: TestContext): Promise<{ url: string }> {
  return shared('DATABASE_URL', (url) => ({ url })) ?? ofTest(t, Postgres)
}

/** As {@link testPostgres}. */
export async function testKafka (t: TestContext): Promise<{ brokers: string }> {
  return shared('KAFKA_BROKERS', (brokers) => ({ brokers })) ?? ofTest(t, Kafka)
}

/** As {@link testPostgres}. */
export async function testKubernetes (t: TestContext): Promise<{ kubeconfig: string }> {
  return shared('LOCAL_STACK_KUBECONFIG', (kubeconfig) => ({ kubeconfig })) ?? ofTest(t, Kubernetes)
}

function shared<T> (variable: string, toServer: (value: string) => T): T | undefined {
  const value = process.env[variable]
  return value === undefined || value === '' ? undefined : toServer(value)
}

interface Closable {
  close: () => Promise<void>
}

const started = new WeakMap<TestContext, Map<unknown, Promise<Closable>>>()

/** One of each for a test, however often it asks: two topics of one test are on the same brokers, also when its file runs alone. */
async function ofTest<Server extends Closable> (t: TestContext, kind: { start: () => Promise<Server> }): Promise<Server> {
  const servers = started.get(t) ?? new Map<unknown, Promise<Closable>>()
  started.set(t, servers)
  const known = servers.get(kind) as Promise<Server> | undefined
  if (known !== undefined) return known
  const starting = kind.start()
  servers.set(kind, starting)
  const server = await starting
  t.teardown(() => server.close())
  return server
}
