import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'

const taken = new Set<number>()

/** A port that nobody listens on, and that this process has not given out before. */
export async function freePort (): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    server.close()
    await once(server, 'close')
    if (taken.has(port)) continue
    taken.add(port)
    return port
  }
}
