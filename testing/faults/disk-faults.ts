import type { Fault } from './fault.ts'
import { startAgain } from './postgres-faults.ts'
import type { System } from '../system/system.ts'

function disksOf ({ disks }: System) {
  if (disks === undefined) throw new Error('expected small disks, found none')
  return disks
}

/** File systems without room. Either server may give up; then it is started again when there is room. */
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
          // With a log that failed they do not serve any more, whether they have ended or not.
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
