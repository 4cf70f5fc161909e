import { until } from '@orders/local-stack/harness'
import type { Fault } from './fault.ts'
import type { World } from './world.ts'

const RESTART_DEADLINE_MS = 120_000

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
          const { postgres } = world.databases
          await disk.free()
          await postgres.stop('immediate')
          await until(async () => { await postgres.start(); return true }, { what: 'Postgres to start again', deadlineMs: RESTART_DEADLINE_MS })
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
          const { kafka } = world.brokers
          await disk.free()
          // With a log that failed it does not serve any more, whether it has ended or not.
          kafka.kill('SIGKILL')
          await kafka.exited()
          await kafka.start()
        }
      }
    }
  }
]
