import { once } from 'node:events'
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * Below the ports that the system gives to outgoing connections. From among those, a server that is stopped for a while
 * could find its port taken, and a client that calls it meanwhile could even be connected to itself.
 */
const FIRST = 20_000
const LAST = 29_999

const taken = new Set<number>()

/** A port that nobody listens on, and that this process has not given out before. */
export async function freePort (): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, LAST + 1)
    if (taken.has(port)) continue
    const server = createServer()
    try {
      await once(server.listen(port, '127.0.0.1'), 'listening')
    } catch {
      continue
    }
    server.close()
    await once(server, 'close')
    taken.add(port)
    return port
  }
}
