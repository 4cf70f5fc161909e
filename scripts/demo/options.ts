import { parseArgs } from 'node:util'

export interface DemoOptions {
  /** Stop posting after so many orders; undefined: until Ctrl-C. */
  orders: number | undefined
  /** Verify and end once all posted orders have arrived. */
  exit: boolean
  /** Orders per second. */
  rate: number
  apiPort: number
  /** File for the JSON report. */
  report: string | undefined
}

export const USAGE = `npm run demo -- [options]
  --orders N     post N orders, not without end
  --exit         verify everything and end when they have arrived (with --orders)
  --rate N       orders per second (default 50)
  --report FILE  write the verdict as JSON
  --api-port N   port of the order-api (default: a free one)`

/** @throws Error for anything that it does not know */
export function parseOptions (args: string[]): DemoOptions {
  const { values } = parseArgs({
    args,
    options: {
      orders: { type: 'string' },
      exit: { type: 'boolean', default: false },
      rate: { type: 'string', default: '50' },
      report: { type: 'string' },
      'api-port': { type: 'string', default: '0' }
    }
  })
  const options = {
    orders: values.orders === undefined ? undefined : wholeNumber('--orders', values.orders, 1, 10_000_000),
    exit: values.exit,
    rate: wholeNumber('--rate', values.rate, 1, 10_000),
    apiPort: wholeNumber('--api-port', values['api-port'], 0, 65_535),
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
