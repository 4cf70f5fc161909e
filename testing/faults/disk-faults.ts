import type { Fault } from './fault.ts'
import { startAgain } from './postgres-faults.ts'
import type { World } from '../system/world.ts'

function disksOf ({ disks }: World) {
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
    async start (world) {
      const { postgres: disk } = disksOf(world)
      await disk.fill()
      return {
        target: 'disk of postgres',
        affects: ['postgres'],
        async heal () {
          const { orders } = world.databases
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
    async start (world) {
      const { kafka: disk } = disksOf(world)
      await disk.fill()
      return {
        target: 'disk of kafka',
        affects: ['kafka'],
        async heal () {
          await disk.free()
          // With a log that failed they do not serve any more, whether they have ended or not.
          await Promise.all(world.brokers.cluster.nodes.map(async (broker) => {
            broker.kill('SIGKILL')
            await broker.exited()
            await broker.start()
          }))
        }
      }
    }
  }
]
