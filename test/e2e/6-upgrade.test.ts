import { fileURLToPath } from 'node:url'
import t from 'tap'
import { getObject, helm, ORDER_API, ORDER_CONSUMER, RELAY, release, rolledOut } from './cluster.ts'
import { Load } from './load.ts'
import { noRequestFailed, nothingLost } from './load-result.ts'

const CHART = process.env.E2E_CHART ?? fileURLToPath(new URL('../../deploy/helm', import.meta.url))

t.setTimeout(1_200_000)

interface Job {
  status: { succeeded?: number }
}

t.test('the release is upgraded to the chart of this checkout under load: pods are replaced, passwords stay, no request fails', async (t) => {
  const secret = async () => (await getObject<{ items: Array<{ data: Record<string, string> }> }>('secret', '-l', `app.kubernetes.io/instance=${release},app.kubernetes.io/component=database`)).items.map(({ data }) => data)
  const before = await secret()
  const revision = async () => (JSON.parse(await helm('history', release, '--max', '1', '--output', 'json')) as Array<{ revision: number }>)[0]?.revision ?? 0
  const from = await revision()
  const load = await Load.start(t)
  const stamp = String(Date.now())
  await helm('upgrade', release, CHART, '--reset-then-reuse-values', '--wait', '--timeout', '10m',
    ...['orderApi', 'outboxRelay', 'orderConsumer'].flatMap((service) => ['--set-string', `${service}.podAnnotations.upgraded-at=${stamp}`]))
  for (const deployment of [ORDER_API, RELAY, ORDER_CONSUMER]) await rolledOut(deployment)
  const result = await load.finish()
  t.equal(await revision(), from + 1)
  t.same(await secret(), before, 'passwords are kept')
  // By name: upgrades that failed before may have left theirs, until they are a day old.
  const job = await getObject<Job>('job', `${release}-migrations-${from + 1}`)
  t.equal(job.status.succeeded, 1, 'migrated once more')
  nothingLost(t, result)
  noRequestFailed(t, result)
})
