import { Socket } from 'node:net'
import pg from 'pg'

/** How a connection is made, and what is done with it before it is used: the settings of its session, for example. */
export interface Connection extends pg.ClientConfig {
  onConnect?: (client: pg.ClientBase) => Promise<unknown>
}

export interface OpenClient {
  client: pg.Client
  connect: () => Promise<void>
  /** Aborted when the connection is lost, or was ended. */
  broken: AbortSignal
  /**
   * Ends the connection now. Not `client.end()`, which waits for the server: on a connection whose packets vanish that lasts
   * as long as TCP is patient, and whoever stops has to hand over. The server takes the end of a connection for a goodbye.
   */
  hangUp: () => void
}

/** A client that is not connected yet, and can be ended at any moment. */
export function openClient (connection: Connection): OpenClient {
  const socket = connection.stream?.() ?? new Socket()
  const client = new pg.Client({ ...connection, stream: () => socket })
  const broken = new AbortController()
  client.on('error', (error) => { broken.abort(error) })
  client.on('end', () => { broken.abort(new Error('the connection was closed')) })
  return {
    client,
    async connect () {
      await client.connect()
      await connection.onConnect?.(client)
    },
    broken: broken.signal,
    hangUp: () => { socket.destroy() }
  }
}
