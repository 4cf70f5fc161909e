import { parseArgs } from 'node:util'
import type { KillSignal } from '@orders/testing/faults/leader-kill'

const SIGNALS: Readonly<Record<string, KillSignal>> = { KILL: 'SIGKILL', TERM: 'SIGTERM', STOP: 'SIGSTOP' }
const LEASES = ['postgres', 'kubernetes'] as const

export interface DemoOptions {
  /** Stop posting after so many orders; undefined: until Ctrl-C. */
  orders: number | undefined
  /** Verify and end once all posted orders have arrived. */
  exit: boolean
  /** Orders per second. */
  rate: number
  apiPort: number
  /** How often the leading relay is killed, and with what. */
  kills: { times: number, signal: KillSignal }
  /** Where the relays' lease is. */
  lease: typeof LEASES[number]
  /** File for the JSON report. */
  report: string | undefined
}

export const USAGE = `npm run demo -- [options]
  --orders N     post N orders, not without end
  --exit         verify everything and end when they have arrived (with --orders)
  --rate N       orders per second (default 50)
  --report FILE  write the result as JSON
  --api-port N   port of the order-api (default: a free one)
  --kill-leader N
                 kill the leading relay N times; posts on until the last kill is survived
  --signal NAME  with what: KILL (default), TERM, or STOP, which freezes it and thaws it when another one leads
  --lease WHERE  postgres (default), or kubernetes: a real API server, built once in some minutes`

/** @throws Error for anything that it does not know */
export function parseOptions (args: string[]): DemoOptions {
  const { values } = parseArgs({
    args,
    options: {
      orders: { type: 'string' },
      exit: { type: 'boolean', default: false },
      rate: { type: 'string', default: '50' },
      report: { type: 'string' },
      'api-port': { type: 'string', default: '0' },
      'kill-leader': { type: 'string', default: '0' },
      signal: { type: 'string', default: 'KILL' },
      lease: { type: 'string', default: 'postgres' }
    }
  })
  const signal = SIGNALS[values.signal.replace(/^SIG/, '')]
  if (signal === undefined) throw new Error(`--signal expects one of ${Object.keys(SIGNALS).join(', ')}, found ${JSON.stringify(values.signal)}`)
  const lease = LEASES.find((name) => name === values.lease)
  if (lease === undefined) throw new Error(`--lease expects one of ${LEASES.join(', ')}, found ${JSON.stringify(values.lease)}`)
  const options = {
    orders: values.orders === undefined ? undefined : wholeNumber('--orders', values.orders, 1, 10_000_000),
    exit: values.exit,
    rate: wholeNumber('--rate', values.rate, 1, 10_000),
    apiPort: wholeNumber('--api-port', values['api-port'], 0, 65_535),
    kills: { times: wholeNumber('--kill-leader', values['kill-leader'], 0, 10_000), signal },
    lease,
    report: values.report
  }
  if (options.exit && options.orders === undefined) throw new Error('--exit expects --orders, found none')
  return options
}

function wholeNumber (name: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new Error(`${name} expects a whole number from ${min} to ${max}, found ${JSON.stringify(text)}`)
  }
  return value
}
