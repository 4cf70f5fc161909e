import { existsSync } from 'node:fs'
import type { Fault } from './fault.ts'

const { LIBFAKETIME } = process.env
/** The library that gives a process another clock; undefined where there is none. */
export const FAKETIME = [
  LIBFAKETIME ?? '',
  `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/faketime/libfaketime.so.1`,
  '/usr/lib64/faketime/libfaketime.so.1',
  '/usr/lib/faketime/libfaketime.so.1'
].find((file) => file !== '' && existsSync(file))

/** A relay whose clock is wrong, and which may come to lead. */
function wrongClock (title: string, settings: Record<string, string>): Fault {
  return {
    f: 'F12',
    title,
    places: ['relays'],
    forMs: [8_000, 20_000],
    needs: 'faketime',
    async start ({ relays }, random) {
      const relay = random.pick(relays)
      await relay.end('SIGTERM')
      await relay.start({ LD_PRELOAD: FAKETIME ?? '', FAKETIME_NO_CACHE: '1', ...settings })
      // The others stop, so that this one becomes the leader.
      for (const other of relays.filter((other) => other !== relay)) await other.end('SIGTERM')
      await Promise.all(relays.filter((other) => other !== relay).map((other) => other.start()))
      return {
        target: relay.name,
        affects: ['outbox-relay'],
        async heal () {
          await relay.end('SIGKILL')
          await relay.start()
        }
      }
    }
  }
}

export const clockFaults: readonly Fault[] = [
  wrongClock('a relay\'s clock is an hour ahead', { FAKETIME: '+3600s' }),
  wrongClock('a relay\'s clock is an hour behind', { FAKETIME: '-3600s' }),
  wrongClock('a relay\'s clocks run a fifth too fast', { FAKETIME: '+0 x1.2' }),
  wrongClock('a relay\'s clocks run a fifth too slow', { FAKETIME: '+0 x0.8' }),
  // Only the wall clock: finds code that computes lease times with it.
  wrongClock('a relay\'s wall clock runs twice as fast', { FAKETIME: '+0 x2', FAKETIME_DONT_FAKE_MONOTONIC: '1' })
]
