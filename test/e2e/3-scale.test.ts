import t from 'tap'
import { kubectl, leader, RELAY, rolledOut } from './cluster.ts'
import { Load } from './load.ts'
import { nothingLost } from './verdict.ts'

t.setTimeout(900_000)

t.test('the relay is scaled 3 → 1 → 3 under load', async (t) => {
  t.teardown(() => kubectl('scale', 'deployment', RELAY, '--replicas=3'))
  const load = await Load.start(t)
  for (const replicas of [1, 3]) {
    await kubectl('scale', 'deployment', RELAY, `--replicas=${replicas}`)
    await rolledOut(RELAY)
    t.comment(`${replicas} replicas, led by ${(await leader()).pod}`)
  }
  const verdict = await load.finish()
  nothingLost(t, verdict)
  t.equal(verdict.failures, 0, 'no request failed')
})
