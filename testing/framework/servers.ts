import { Kafka } from '../servers/kafka.ts'
import { Kubernetes } from '../servers/kubernetes.ts'
import { Postgres } from '../servers/postgres.ts'

/** The part of a tap test that the helpers need. */
export interface TestContext {
  teardown: (work: () => Promise<unknown> | unknown) => unknown
}

/** The Postgres of this test run (`npm test` starts one for all files), or one for this test. */
export async function testPostgres (t: TestContext): Promise<{ url: string }> {
  return shared('DATABASE_URL', (url) => ({ url })) ?? close(t, await Postgres.start())
}

export async function testKafka (t: TestContext): Promise<{ brokers: string }> {
  return shared('KAFKA_BROKERS', (brokers) => ({ brokers })) ?? close(t, await Kafka.start())
}

export async function testKubernetes (t: TestContext): Promise<{ kubeconfig: string }> {
  return shared('LOCAL_STACK_KUBECONFIG', (kubeconfig) => ({ kubeconfig })) ?? close(t, await Kubernetes.start())
}

function shared<T> (variable: string, toServer: (value: string) => T): T | undefined {
  const value = process.env[variable]
  return value === undefined || value === '' ? undefined : toServer(value)
}

function close<Server extends { close: () => Promise<void> }> (t: TestContext, server: Server): Server {
  t.teardown(() => server.close())
  return server
}
