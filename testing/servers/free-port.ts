import { once } from 'node:events'
import { randomInt } from 'node:crypto'
import { createServer, type Server } from 'node:net'

/**
 * Below the ports that the system gives to outgoing connections. One of those could be taken while its server is stopped for a
 * while, and a client that connects meanwhile could even be connected to itself.
 */
const FIRST = 20_000
const LAST = 29_999
const HOST = '127.0.0.1'
/** Reserves a port for the life of this process, also while its server is not started yet or stopped for a while. */
const RESERVATION_HOST = '127.0.0.2'

/** A port of 127.0.0.1 that has no listener and that this function has not given out before, to this process or another. */
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
