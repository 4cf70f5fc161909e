import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { anotherLeader, kubectl, leader, RELAY, rolledOut } from './cluster.ts'
import { Load, type Stall } from './load.ts'
import { nothingLost } from './load-result.ts'

const KILLS = Number(process.env.E2E_KILLS ?? 20)
const RATE = Number(process.env.E2E_RATE ?? 200)
/** So that the load's readings before and after a kill belong to it alone. */
const BETWEEN_KILLS_MS = 2_000

t.setTimeout(1_800_000)

t.test(`${KILLS} times the leader's pod is deleted, by turns with and without grace, under ${RATE} orders a second`, async (t) => {
  const load = await Load.start(t, { rate: RATE })
  const kills: Array<{ at: number, graceful: boolean }> = []
  for (let kill = 0; kill < KILLS; kill++) {
    await rolledOut(RELAY)
    const { holder, pod } = await leader()
    const graceful = kill % 2 === 1
    kills.push({ at: Date.now(), graceful })
    await kubectl('delete', 'pod', pod, '--wait=false', ...graceful ? [] : ['--grace-period=0', '--force'])
    await anotherLeader(holder)
    await delay(BETWEEN_KILLS_MS)
  }
  const result = await load.finish()
  for (const graceful of [false, true]) {
    const gaps = kills.filter((kill) => kill.graceful === graceful).map(({ at }) => longestStall(load.stalls, at))
    t.comment(`${graceful ? 'with' : 'without'} grace: pauses in the applied events, in ms: ${gaps.join(' ')}`)
  }
  nothingLost(t, result)
})

/** The longest pause around the kill: not over at that moment, or begun soon after it; 0: no pause was printed. */
function longestStall (stalls: readonly Stall[], at: number): number {
  const near = stalls.filter(({ since, stall }) => since + stall > at && since < at + BETWEEN_KILLS_MS)
  return Math.max(0, ...near.map(({ stall }) => stall))
}
