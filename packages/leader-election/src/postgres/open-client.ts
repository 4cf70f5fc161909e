import { Socket } from 'node:net'
import pg from 'pg'

/** How to connect, and what to do before the connection is used, such as the settings of its session. */
export interface Connection extends pg.ClientConfig {
  onConnect?: (client: pg.ClientBase) => Promise<unknown>
}

export interface OpenClient {
  client: pg.Client
  connect: () => Promise<void>
  /** Aborted when the connection is lost or closed. */
  broken: AbortSignal
  /**
   * Closes the connection now. Not `client.end()`, which waits for the server: on a connection whose packets vanish, that would
   * delay a handover until TCP gives up. The server treats EOF as a disconnect.
   */
  hangUp: () => void
}

/** A client that is not connected yet, and can be closed at any moment. */
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
