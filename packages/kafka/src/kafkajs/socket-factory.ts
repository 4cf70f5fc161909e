import net from 'node:net'
import tls from 'node:tls'
import type { ISocketFactory } from 'kafkajs'

const KEEP_ALIVE_DELAY_MS = 10_000

/**
 * Connections as kafkajs makes them itself, but for these:
 * - In an outage it disconnects again and again what is disconnected already, and `unref()` of a socket that is gone waits for
 *   its next connect, with one more listener each time: a warning of Node's, and memory for as long as the outage lasts.
 * - A small request goes at once. The system would hold it back while an acknowledgement is out.
 * - A connection whose packets vanish is noticed sooner, by keep-alives after 10 s and not 60.
 */
export const socketFactory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  const options = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS }
  const socket = ssl === undefined || ssl === null
    ? net.connect(options, onConnect)
    : tls.connect({ ...options, ...(net.isIP(host) === 0 ? { servername: host } : {}), ...ssl }, onConnect)
  const unref = socket.unref.bind(socket)
  socket.unref = () => socket.destroyed ? socket : unref()
  return socket
}
