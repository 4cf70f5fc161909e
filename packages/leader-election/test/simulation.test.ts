// Several candidates, one lease, virtual time, and random faults from a seed. The invariants are in
// simulation/invariants.ts. A failing run prints its seed; SIMULATION_SEED=<seed> repeats exactly that run.
import { LeaderElector } from '@orders/leader-election'
import t from 'tap'
import { FAULTS } from './simulation/faults.ts'
import { World } from './simulation/world.ts'

const { SIMULATION_SEED: only, SIMULATION_RUNS: runs = '500' } = process.env
const first = only === undefined ? 1 : Number(only)
const last = only === undefined ? Number(runs) : first

t.test(`seeds ${first} to ${last} keep every invariant`, async (t) => {
  const counts = new Map<string, number>()
  for (let seed = first; seed <= last; seed++) {
    const { violation, trace } = await new World(seed, LeaderElector, counts).run()
    if (violation !== undefined) {
      t.fail(`seed ${seed}: ${violation}`, { trace: trace.slice(-60) })
      return
    }
  }
  t.comment(JSON.stringify(Object.fromEntries([...counts].sort(([a], [b]) => a.localeCompare(b)))))
  if (only !== undefined) return

  // An event that never happened was not tested.
  for (const what of [
    ...['created', 'free', 'expired', 'challenged', 'own'].map((because) => `acquired: ${because}`),
    ...['stopping', 'not-renewed', 'superseded', 'work-ended'].map((reason) => `term-ended: ${reason}`),
    ...Object.keys(FAULTS).map((fault) => `fault: ${fault}`),
    'conflict', 'forbidden', 'unavailable', 'not-found', 'reply lost', 'challenge-void', 'malformed-record', 'leading-unconfirmed',
    'released', 'release-failed', 'work-failed'
  ]) t.ok((counts.get(what) ?? 0) >= 100, `${what}: ${counts.get(what) ?? 0} times`)
})
