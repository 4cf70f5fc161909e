import { FAKETIME } from '../faults/clock-faults.ts'
import type { SystemOptions } from '../system/system.ts'

export interface ChaosOptions extends SystemOptions {
  seed: number
  minutes: number
  /** Orders per second; each makes up to four events. */
  rate: number
  /** Only this fault, again and again; undefined: the random mix. */
  fault: string | undefined
  /** Whether relays get wrong clocks; needs libfaketime. */
  wrongClocks: boolean
  /** Pause between two faults, at least and at most. */
  pauseMs: readonly [number, number]
}

export const USAGE = `make chaos [SEED=n] [MINUTES=n] [RATE=n] [FAULT=F3] [LEASE=postgres|kubernetes] [DELIVERY=exactly-once|at-least-once] [RELAYS=n] [SHARDS=n] [BROKERS=1|3] [RESTORE=on|off] [DISKS=small] [CLOCKS=right] [DIR=folder]
  SEED      decides schedule and load (default: a new one, which is printed)
  MINUTES   how long faults are made (default 5)
  RATE      orders per second (default 200)
  FAULT     one fault of docs/guarantees.md, again and again; none for a run without
  LEASE     where the leases are (default kubernetes: a real API server and etcd, which are broken too)
  BROKERS   3: a cluster with three replicas, of which two have to be in sync (default 1: three want 2 GB and processors of their own)
  RESTORE   off: Postgres is never put back to an earlier state, and no copy of it runs beside it (default on, but with small disks)
  DISKS     small: data on small file systems, which are filled too (needs root; always with FAULT=F23)
  CLOCKS    right: no relay gets a wrong clock (default: wrong where libfaketime is; schedules differ between the two)
  DIR       where the run is stored (default chaos/SEED); check it again with npm run check -- DIR`

/** @throws Error that names the variable, with what was expected and found */
export function parseChaosOptions (env: NodeJS.ProcessEnv): ChaosOptions {
  const smallDisks = env.FAULT === 'F23' || oneOf(env, 'DISKS', ['large', 'small'] as const) === 'small'
  const seed = wholeNumber(env, 'SEED', Date.now() % 1_000_000, 0, 4_294_967_295)
  const delivery = oneOf(env, 'DELIVERY', ['exactly-once', 'at-least-once'] as const)
  return {
    seed,
    delivery,
    minutes: wholeNumber(env, 'MINUTES', 5, 1, 10_000),
    rate: wholeNumber(env, 'RATE', 200, 1, 10_000),
    fault: env.FAULT === undefined || env.FAULT === '' ? undefined : env.FAULT,
    lease: oneOf(env, 'LEASE', ['kubernetes', 'postgres'] as const),
    relays: wholeNumber(env, 'RELAYS', 3, 1, 10),
    shards: wholeNumber(env, 'SHARDS', 1, 1, 64),
    brokers: oneOf(env, 'BROKERS', ['1', '3'] as const) === '3' ? 3 : 1,
    // A file system of a gigabyte has no room for a second copy of the data.
    restores: oneOf(env, 'RESTORE', ['on', 'off'] as const) === 'on' && !smallDisks,
    smallDisks,
    wrongClocks: FAKETIME !== undefined && oneOf(env, 'CLOCKS', ['wrong', 'right'] as const) === 'wrong',
    folder: env.DIR === undefined || env.DIR === '' ? `chaos/${seed}` : env.DIR,
    pauseMs: [3_000, 12_000],
    progress: (line) => { console.log(line) }
  }
}

function wholeNumber (env: NodeJS.ProcessEnv, name: string, otherwise: number, min: number, max: number): number {
  const text = env[name]
  if (text === undefined || text === '') return otherwise
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < min || value > max) throw new Error(`${name} expects a whole number from ${min} to ${max}, found ${JSON.stringify(text)}`)
  return value
}

function oneOf<T extends string> (env: NodeJS.ProcessEnv, name: string, values: readonly [T, ...T[]]): T {
  const text = env[name]
  if (text === undefined || text === '') return values[0]
  const value = values.find((known) => known === text)
  if (value === undefined) throw new Error(`${name} expects one of ${values.join(', ')}, found ${JSON.stringify(text)}`)
  return value
}

/** The command that makes the same schedule again. */
export function again ({ seed, minutes, rate, fault, lease, delivery, relays, shards, brokers, restores, smallDisks }: ChaosOptions): string {
  return ['make chaos', `SEED=${seed}`, `MINUTES=${minutes}`, `RATE=${rate}`, `BROKERS=${brokers}`,
    ...(fault === undefined ? [] : [`FAULT=${JSON.stringify(fault)}`]),
    ...(restores || smallDisks ? [] : ['RESTORE=off']),
    ...(smallDisks ? ['DISKS=small'] : []),
    ...(lease === 'kubernetes' ? [] : [`LEASE=${lease}`]),
    ...(delivery === 'exactly-once' ? [] : [`DELIVERY=${delivery}`]),
    ...(relays === 3 ? [] : [`RELAYS=${relays}`]),
    ...(shards === 1 ? [] : [`SHARDS=${shards}`])].join(' ')
}
