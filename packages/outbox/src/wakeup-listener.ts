import { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Connection } from './connection.ts'
import { WAKEUP_CHANNEL } from './wakeup-channel.ts'

export interface WakeupListenerOptions {
  /** A connection of its own, and not through a transaction pooler: `LISTEN` belongs to the session. */
  connection: Connection
  /** `sweep`: an event may have come back under an old id. Also called after each reconnect, with `sweep` true. */
  onWakeup: (sweep: boolean) => void
  onError?: (error: Error) => void
  /** The connection is checked this often: a silently dead one delivers nothing and reports no error. */
  heartbeatMs?: number
  reconnectDelayMs?: number
}

export interface WakeupListener {
  close: () => Promise<void>
}

/** Listens for wake-ups, and reconnects forever. The poll finds the events of missed wake-ups. */
export function listenForWakeups (options: WakeupListenerOptions): WakeupListener {
  const { onWakeup, onError = () => {}, heartbeatMs = 5_000, reconnectDelayMs = 1_000 } = options
  const stop = new AbortController()
  const running = run()

  async function run (): Promise<void> {
    while (!stop.signal.aborted) {
      await listen().catch((error: Error) => { if (!stop.signal.aborted) onError(error) })
      await pause(reconnectDelayMs)
    }
  }

  async function listen (): Promise<void> {
    const socket = options.connection.stream?.() ?? new Socket()
    const client = new pg.Client({ query_timeout: heartbeatMs, connectionTimeoutMillis: heartbeatMs, ...options.connection, stream: () => socket })
    let lost: Error | undefined
    const broken = new AbortController()
    client.on('error', (error) => { lost = error; broken.abort() })
    client.on('end', () => { broken.abort() })
    client.on('notification', ({ payload }) => { onWakeup(payload === 'sweep') })
    // Not client.end(), which waits for the server: on a connection whose packets vanish, until TCP gives up.
    const hangUp = () => { socket.destroy() }
    stop.signal.addEventListener('abort', hangUp)
    try {
      await client.connect()
      await options.connection.onConnect?.(client)
      await client.query(`LISTEN ${WAKEUP_CHANNEL}`)
      onWakeup(true)
      const gone = AbortSignal.any([stop.signal, broken.signal])
      while (!gone.aborted) {
        await pause(heartbeatMs, gone)
        if (!gone.aborted) await client.query('SELECT')
      }
      if (lost !== undefined) throw lost
    } finally {
      stop.signal.removeEventListener('abort', hangUp)
      hangUp()
    }
  }

  async function pause (ms: number, signal: AbortSignal = stop.signal): Promise<void> {
    await delay(ms, undefined, { signal }).catch(() => {})
  }

  return {
    async close () {
      stop.abort()
      await running
    }
  }
}
