import type { Network } from './network.ts'
import type { Random } from '@orders/testing/framework/random'
import type { Replica } from './replica.ts'
import type { Rules } from './rules.ts'

/** A run, as far as a fault needs it. */
export interface FaultyWorld {
  readonly random: Random
  readonly network: Network
  readonly replicas: readonly Replica[]
  readonly rules: Rules
  later: (ms: number, work: () => void) => void
  restartLater: () => void
  proveDead: (dead: Replica) => void
}

export type Fault = (world: FaultyWorld) => void

const pickReplica = ({ random, replicas }: FaultyWorld, which: (replica: Replica) => boolean): Replica | undefined => {
  const choices = replicas.filter(which)
  return choices.length === 0 ? undefined : random.pick(choices)
}
/** Mostly the leader: more can go wrong there. */
const victim = (world: FaultyWorld): Replica | undefined => (
  pickReplica(world, ({ candidate, leads }) => candidate && leads && world.random.chance(0.7)) ?? pickReplica(world, ({ candidate }) => candidate)
)

/** Every fault of replicas and of the store. Faults of single requests are in {@link Weather}. */
export const FAULTS: Record<string, Fault> = {
  kill (world) {
    const killed = victim(world)
    killed?.kill()
    world.restartLater()
    // The other replicas may get proof of its death.
    if (killed !== undefined && world.random.chance(0.5)) world.proveDead(killed)
  },
  stop (world) {
    victim(world)?.stop()
    world.restartLater()
  },
  freeze (world) {
    const frozen = victim(world)
    frozen?.freeze()
    world.later(world.random.uniform(10, 12_000), () => frozen?.thaw())
  },
  giveUp (world) {
    pickReplica(world, ({ leads }) => leads)?.endWork()
  },
  outage (world) {
    world.network.outage = world.random.pick(['hang', 'refuse'])
    world.later(world.random.uniform(100, 12_000), () => { world.network.outage = 'none' })
  },
  cutOff (world) {
    const cut = victim(world)
    if (cut === undefined) return
    cut.link.outage = world.random.pick(['hang', 'refuse'])
    world.later(world.random.uniform(100, 12_000), () => { cut.link.outage = 'none' })
  },
  forbid (world) {
    const refused = victim(world)
    // It rightly ends the term of a fenced leader, but no invariant can tell that from outside.
    if (refused === undefined || world.rules.fenced) return
    refused.link.outage = 'forbid'
    world.later(world.random.uniform(100, 12_000), () => { refused.link.outage = 'none' })
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
    const leader = pickReplica(world, ({ leads }) => leads)
    if (world.rules.fenced && leader !== undefined) world.proveDead(leader)
  }
}
