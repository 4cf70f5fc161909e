import { once } from 'node:events'
import { randomInt } from 'node:crypto'
import { createServer, type Server } from 'node:net'

/**
 * Below the ports that the system gives to outgoing connections. From among those, a server that is stopped for a while
 * could find its port taken, and a client that calls it meanwhile could even be connected to itself.
 */
const FIRST = 20_000
const LAST = 29_999
const HOST = '127.0.0.1'
/** Where a port is kept for the life of this process: its server is not there yet, or stopped for a while. */
const RESERVATION_HOST = '127.0.0.2'

/** A port of 127.0.0.1 that nobody listens on, and that neither this process nor another has got from here. */
export async function freePort (): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, LAST + 1)
    if (await isFree(port) && await reserve(port)) return port
  }
}

async function isFree (port: number): Promise<boolean> {
  try {
    const server = await listen(port, HOST)
    await once(server.close(), 'close')
    return true
  } catch {
    return false
  }
}

async function reserve (port: number): Promise<boolean> {
  try {
    await listen(port, RESERVATION_HOST)
    return true
  } catch (error) {
    // Not every system has more than one loopback address.
    return (error as NodeJS.ErrnoException).code === 'EADDRNOTAVAIL'
  }
}

async function listen (port: number, host: string): Promise<Server> {
  const server = createServer()
  await once(server.listen(port, host), 'listening')
  return server.unref()
}
