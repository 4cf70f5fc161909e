import { fileURLToPath } from 'node:url'
import t from 'tap'
import { getObject, helm, kubectl, leader, RELAY, release, rolledOut } from './cluster.ts'
import { Load } from './load.ts'
import { noRequestFailed, nothingLost } from './load-result.ts'

const CHART = process.env.E2E_CHART ?? fileURLToPath(new URL('../../deploy/helm', import.meta.url))

t.setTimeout(1_200_000)

t.test('the relay is scaled 3 → 1 → 3 under load', async (t) => {
  t.teardown(() => kubectl('scale', 'deployment', RELAY, '--replicas=3'))
  const load = await Load.start(t)
  for (const replicas of [1, 3]) {
    await kubectl('scale', 'deployment', RELAY, `--replicas=${replicas}`)
    await rolledOut(RELAY)
    t.comment(`${replicas} replicas, led by ${(await leader()).pod}`)
  }
  const result = await load.finish()
  nothingLost(t, result)
  noRequestFailed(t, result)
})

t.test('scaled by hand, the release is upgraded all the same, and keeps the number', async (t) => {
  const replicas = async () => (await getObject<{ spec: { replicas: number } }>('deployment', RELAY)).spec.replicas
  const before = await replicas()
  t.teardown(() => kubectl('scale', 'deployment', RELAY, `--replicas=${before}`))
  const changed = before === 1 ? 2 : before - 1
  await kubectl('scale', 'deployment', RELAY, `--replicas=${changed}`)
  await rolledOut(RELAY)
  await helm('upgrade', release, CHART, '--reset-then-reuse-values', '--wait', '--timeout', '10m')
  t.equal(await replicas(), changed)
  await kubectl('scale', 'deployment', RELAY, `--replicas=${before}`)
  await rolledOut(RELAY)
})
