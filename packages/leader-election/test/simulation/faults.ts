import type { Replica } from './replica.ts'
import type { World } from './world.ts'

export type Fault = (world: World) => void

const somebody = ({ random, replicas }: World, which: (replica: Replica) => boolean): Replica | undefined => {
  const choices = replicas.filter(which)
  return choices.length === 0 ? undefined : random.pick(choices)
}
/** Rather the leader: there is more to go wrong. */
const victim = (world: World): Replica | undefined => (
  somebody(world, ({ candidate, leads }) => candidate && leads && world.random.chance(0.7)) ?? somebody(world, ({ candidate }) => candidate)
)

/** Everything that can happen to replicas and to the store, besides the weather on the way. */
export const FAULTS: Record<string, Fault> = {
  kill (world) {
    const killed = victim(world)
    killed?.kill()
    world.restartLater()
    // Somebody may know for sure.
    if (killed !== undefined && world.random.chance(0.5)) world.proveDead(killed)
  },
  stop (world) {
    victim(world)?.stop()
    world.restartLater()
  },
  freeze (world) {
    const frozen = victim(world)
    frozen?.freeze()
    world.later(world.random.real(10, 12_000), () => frozen?.thaw())
  },
  giveUp (world) {
    somebody(world, ({ leads }) => leads)?.endWork()
  },
  outage (world) {
    world.network.outage = world.random.pick(['hang', 'refuse'])
    world.later(world.random.real(100, 12_000), () => { world.network.outage = 'none' })
  },
  cutOff (world) {
    const cut = victim(world)
    if (cut === undefined) return
    cut.link.outage = world.random.pick(['hang', 'refuse'])
    world.later(world.random.real(100, 12_000), () => { cut.link.outage = 'none' })
  },
  forbid (world) {
    const refused = victim(world)
    // Ends a fenced leader's term by right, but not by a rule that can be told from outside.
    if (refused === undefined || world.rules.fenced) return
    refused.link.outage = 'forbid'
    world.later(world.random.real(100, 12_000), () => { refused.link.outage = 'none' })
  },
  deleteLease ({ network }) {
    network.lease.delete()
    network.tellWatchers()
  },
  editLabels ({ network }) {
    if (network.lease.fields !== undefined) network.lease.edit({})
  },
  garbage ({ network, random }) {
    if (network.lease.fields === undefined) return
    network.lease.edit(random.pick([{ leaseDurationSeconds: 2 ** 31 - 1 }, { leaseDurationSeconds: undefined }, { renewTime: 'tomorrow' }, { acquireTime: undefined }]))
  },
  falseProof (world) {
    const leader = somebody(world, ({ leads }) => leads)
    if (world.rules.fenced && leader !== undefined) world.proveDead(leader)
  }
}
