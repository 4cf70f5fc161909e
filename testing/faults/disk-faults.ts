import type { Fault } from './fault.ts'
import { startAgain } from './postgres-faults.ts'
import type { System } from '../system/system.ts'

function disksOf ({ disks }: System) {
  if (disks === undefined) throw new Error('expected small disks, found none')
  return disks
}

/** Full disks. The server may exit; it is started again when there is space. */
export const diskFaults: readonly Fault[] = [
  {
    f: 'F23',
    title: 'the disk of Postgres is full',
    places: ['postgres'],
    forMs: [4_000, 12_000],
    needs: 'small-disks',
    async start (system) {
      const { postgres: disk } = disksOf(system)
      await disk.fill()
      return {
        target: 'disk of postgres',
        affects: ['postgres'],
        async heal () {
          const { orders } = system.databases
          await disk.free()
          await orders.stop('immediate')
          await startAgain(orders)
        }
      }
    }
  },
  {
    f: 'F23',
    title: 'the disk of Kafka is full',
    places: ['kafka'],
    forMs: [4_000, 12_000],
    needs: 'small-disks',
    async start (system) {
      const { kafka: disk } = disksOf(system)
      await disk.fill()
      return {
        target: 'disk of kafka',
        affects: ['kafka'],
        async heal () {
          await disk.free()
          // A broker with a failed log directory does not serve any more, even if it still runs.
          await Promise.all(system.brokers.cluster.nodes.map(async (broker) => {
            broker.kill('SIGKILL')
            await broker.exited()
            await broker.start()
          }))
        }
      }
    }
  }
]
