import net from 'node:net'
import tls from 'node:tls'
import type { ISocketFactory } from 'kafkajs'

const KEEP_ALIVE_DELAY_MS = 60_000

/**
 * Connections as kafkajs makes them itself, but for one thing. In an outage it disconnects again and again what is
 * disconnected already, and `unref()` of a socket that is gone waits for its next connect, with one more listener each time:
 * a warning of Node's, and memory for as long as the outage lasts.
 */
export const socketFactory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  const socket = ssl === undefined || ssl === null
    ? net.connect({ host, port }, onConnect)
    : tls.connect({ host, port, ...(net.isIP(host) === 0 ? { servername: host } : {}), ...ssl }, onConnect)
  socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS)
  const unref = socket.unref.bind(socket)
  socket.unref = () => socket.destroyed ? socket : unref()
  return socket
}
