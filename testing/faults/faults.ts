import { clockFaults } from './clock-faults.ts'
import { clusterFaults } from './cluster-faults.ts'
import { copyFaults } from './copy-faults.ts'
import { diskFaults } from './disk-faults.ts'
import type { Fault } from './fault.ts'
import { kafkaFaults } from './kafka-faults.ts'
import { leaseFaults } from './lease-faults.ts'
import { poisonFaults } from './poison-faults.ts'
import { postgresFaults } from './postgres-faults.ts'
import { processFaults } from './process-faults.ts'
import { restoreFaults } from './restore-faults.ts'

export const FAULTS: readonly Fault[] = [
  ...processFaults, ...postgresFaults, ...kafkaFaults, ...leaseFaults, ...poisonFaults, ...clockFaults, ...diskFaults,
  ...clusterFaults, ...restoreFaults, ...copyFaults
]

/**
 * The faults that a run can make.
 *
 * @param only one fault's name, or part of its title; `none` for a run without
 * @throws Error when there is none
 */
export function chooseFaults (available: ReadonlySet<Fault['needs']>, only: string | undefined): Fault[] {
  if (only === 'none') return []
  const possible = FAULTS.filter(({ needs }) => needs === undefined || available.has(needs))
  const chosen = only === undefined ? possible : possible.filter(({ f, title }) => f === only || title.includes(only))
  if (chosen.length === 0) throw new Error(`FAULT expects one of ${[...new Set(possible.map(({ f }) => f))].join(', ')} (some need LEASE=kubernetes, BROKERS=3, RESTORE=on, DISKS=small or libfaketime), found ${JSON.stringify(only)}`)
  return chosen
}
