import { writeFile } from 'node:fs/promises'
import { securedKafka, until, type ServiceProcess } from '@orders/testing/framework'
import t from 'tap'
import { kubernetesProblems } from '../src/leadership/lease-store.ts'
import { RelayFixture } from './fixture/relay-fixture.ts'

/** The reasons of a 503 of `/readyz`; undefined: 200. */
async function unready ({ ops }: ServiceProcess): Promise<string | undefined> {
  const response = await fetch(`${ops}/readyz`)
  const text = await response.text()
  return response.status === 200 ? undefined : text
}

async function untilUnready (service: ServiceProcess, reason: RegExp): Promise<string> {
  return until(async () => {
    const said = await unready(service)
    if (said === undefined || !reason.test(said)) throw new Error(said ?? 'ready')
    return said
  }, { what: `not ready: ${String(reason)}` })
}

async function untilReady (service: ServiceProcess): Promise<void> {
  await until(async () => {
    const said = await unready(service)
    if (said !== undefined) throw new Error(said)
    return true
  }, { what: 'the relay ready' })
}

t.test('leader and standby are ready when they have found their topics and tables', async (t) => {
  const fixture = await RelayFixture.create(t)
  const relays = [await fixture.relay('one'), await fixture.relay('two')]
  for (const { service } of relays) await untilReady(service)
  t.pass('both')
})

t.test('a role that may not read the outbox', async (t) => {
  const fixture = await RelayFixture.create(t)
  const { service } = await fixture.relay('relay', { DATABASE_URL: fixture.writerUrl })
  const said = await untilUnready(service, /permission denied/)
  t.match(said, /"check":"postgres".*the role in DATABASE_URL: it needs the grants of outbox_relay/)
  const line = await until(() => service.logs.find(({ event }) => event === 'outbox_unreadable'), { what: 'the log line' })
  t.match(line, { msg: /DATABASE_URL/ })
})

t.test('a database without the outbox', async (t) => {
  const fixture = await RelayFixture.create(t)
  await fixture.pool.query('ALTER TABLE relay_shard RENAME TO somewhere_else')
  const { service } = await fixture.relay('relay')
  t.match(await untilUnready(service, /does not exist/), /DATABASE_URL: is it the database with the outbox/)
})

t.test('Kafka refuses the password, and accepts it later', async (t) => {
  const broker = await securedKafka(t, { topics: ['orders'], grants: [['orders', 'Write'], ['orders', 'Read']] })
  await broker.admin.grantPrefix('relay-')
  const password = `${t.testdir({ password: 'wrong' })}/password`
  const fixture = await RelayFixture.create(t, {
    kafka: broker.open,
    settings: {
      RELAY_DEFAULT_TOPIC: 'orders', KAFKA_BROKERS: broker.broker.brokers, KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'client', KAFKA_SASL_PASSWORD_FILE: password
    }
  })
  const { service } = await fixture.relay('relay')
  t.match(await untilUnready(service, /KAFKA_SASL_PASSWORD/), /"check":"kafka"/)
  const line = await until(() => service.logs.find(({ event }) => event === 'kafka_not_reached'), { what: 'the log line' })
  t.match(line, { msg: /KAFKA_SASL_PASSWORD/ })
  await writeFile(password, 'client')
  await untilReady(service)
})

t.test('RELAY_LEASE=kubernetes without Kubernetes is refused', async (t) => {
  const problems = (env: NodeJS.ProcessEnv, files: string[] = [], lease = 'kubernetes') =>
    kubernetesProblems({ RELAY_LEASE: lease as 'kubernetes' }, { HOME: '/home/relay', ...env }, (file) => files.includes(String(file)))
  t.match(problems({}), [/RELAY_LEASE: kubernetes is for a pod.*use RELAY_LEASE=postgres/])
  t.match(problems({ KUBERNETES_SERVICE_HOST: '10.0.0.1' }), [/RELAY_LEASE/], 'a pod without the token of its service account')
  t.match(problems({ KUBECONFIG: '/no/such/file' }), [/KUBECONFIG: expected a file, found none at \/no\/such\/file/])
  t.same(problems({ KUBECONFIG: '/a/file' }, ['/a/file']), [])
  t.same(problems({}, ['/home/relay/.kube/config']), [])
  t.same(problems({ KUBERNETES_SERVICE_HOST: '10.0.0.1' }, ['/var/run/secrets/kubernetes.io/serviceaccount/token']), [])
  t.same(problems({}, [], 'postgres'), [])

  const fixture = await RelayFixture.create(t)
  const relay = await fixture.relay('relay', { RELAY_LEASE: 'kubernetes', HOME: '/nonexistent' }).catch((error: Error) => error)
  t.ok(relay instanceof Error)
  t.match((relay as Error).message, /found it ended.*RELAY_LEASE: kubernetes is for a pod/)
})
