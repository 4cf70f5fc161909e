import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { until } from '@orders/testing/framework'
import t from 'tap'
import { getObject, kubectl, ORDER_API, ORDER_CONSUMER, RELAY, release, rolledOut } from './cluster.ts'
import { Load } from './load.ts'
import { noRequestFailed, nothingLost } from './load-result.ts'

t.setTimeout(1_200_000)

t.test('every deployment is restarted under load, and no request fails', async (t) => {
  const load = await Load.start(t)
  for (const deployment of [ORDER_API, RELAY, ORDER_CONSUMER]) {
    await kubectl('rollout', 'restart', `deployment/${deployment}`)
    await rolledOut(deployment)
  }
  const result = await load.finish()
  nothingLost(t, result)
  noRequestFailed(t, result)
})

t.test('Kafka is restarted under load, and no request fails', async (t) => {
  const load = await Load.start(t)
  await restartKafka()
  const result = await load.finish()
  nothingLost(t, result, { redelivered: true })
  noRequestFailed(t, result)
})

/** The release's own Kafka by its operator; another one by E2E_RESTART_KAFKA, a shell command that ends when it is back. */
async function restartKafka (): Promise<void> {
  const { E2E_RESTART_KAFKA: command } = process.env
  if (command !== undefined && command !== '') {
    await promisify(execFile)('/bin/sh', ['-c', command])
    return
  }
  // Not by strimzi.io/kind: the entity operator has that label too, and is not restarted.
  const pods = async () => (await getObject<{ items: Array<{ metadata: { uid: string } }> }>('pods', '-l', `strimzi.io/cluster=${release},strimzi.io/name=${release}-kafka`))
    .items.map(({ metadata: { uid } }) => uid)
  const before = await pods()
  if (before.length === 0) throw new Error('expected the release to have a Kafka of its own, found none: say by E2E_RESTART_KAFKA how the other one is restarted')
  await kubectl('annotate', 'strimzipodset', `${release}-${release}`, 'strimzi.io/manual-rolling-update=true', '--overwrite')
  // The annotation is read at the operator's next round; a change of the Kafka is the beginning of one.
  await kubectl('annotate', 'kafka', release, `restarted-at=${Date.now()}`, '--overwrite')
  await until(async () => !(await pods()).some((uid) => before.includes(uid)), { what: 'every broker to be a new pod', deadlineMs: 600_000 })
  await kubectl('wait', `kafka/${release}`, '--for=condition=Ready', '--timeout=600s')
}
