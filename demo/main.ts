// `npm run demo`: real servers, the three services, orders at a steady rate, and a check that every event arrived.
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { MissingToolError } from '@orders/testing/servers'
import { addresses, reconciliationText, takeoversText } from './announce.ts'
import { InterruptedError, listenForInterruption, type Interruption } from './interruption.ts'
import { LeaderKills } from './leader-kills.ts'
import { LiveView } from './live-view.ts'
import { parseOptions, USAGE, type DemoOptions } from './options.ts'
import { toReport } from './report.ts'
import { startSystem, type DemoSystem } from './system.ts'
import { untilArrived } from '@orders/testing/checker/observation/arrival'
import { readOrders } from '@orders/testing/checker/observation/final-state'
import { readObservations } from '@orders/testing/checker/observation/observations'
import { OrderLoad, type LoadOptions } from '@orders/testing/traffic/order-load'
import { OutboxWatch } from '@orders/testing/checker/observation/outbox-watch'
import { isClean, reconcile } from '@orders/testing/checker/observation/reconcile'
import type { OrderRow } from '@orders/testing/checker'
import { publishingGaps } from '@orders/testing/faults/publishing-gaps'

/** The exit code of a shell for SIGINT. */
const INTERRUPTED = 130

async function main (): Promise<number> {
  if (process.argv.includes('--help')) {
    console.log(USAGE)
    return 0
  }
  let options: DemoOptions
  try {
    options = parseOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`)
    return 2
  }
  const interruption = listenForInterruption(() => process.exit(INTERRUPTED))
  const progress = (line: string) => { console.log(line) }
  const system = await startSystem({ ...options, progress, signal: interruption.stopPosting })
  try {
    return await run(system, options, interruption)
  } finally {
    console.log('stopping everything')
    await system.close()
  }
}

async function run (system: DemoSystem, { orders = Infinity, exit, kills: planned, rate, report }: DemoOptions, interruption: Interruption): Promise<number> {
  console.log(addresses(system))
  const startedAt = performance.now()
  const stopPosting = AbortSignal.any([interruption.stopPosting, system.broken])
  const giveUp = AbortSignal.any([interruption.giveUp, system.broken])
  const load = new OrderLoad(() => system.api.http)
  const outbox = new OutboxWatch(system.databases.ordersUrl)
  const kills = new LeaderKills(system.relays, planned)
  const view = new LiveView(system, load, outbox, kills)
  const viewing = new AbortController()
  const shown = view.run(viewing.signal)
  let stored: OrderRow[] = []
  try {
    await postUnderKills(load, kills, { rate, orders, stopPosting, giveUp })
    if (!exit && !stopPosting.aborted) await once(stopPosting, 'abort')
    stored = await readOrders(system.databases.ordersUrl)
    await untilArrived(system, load, outbox, giveUp).catch((error: Error) => { console.error(error.message) })
  } finally {
    viewing.abort()
    await shown
    await view.draw()
    await outbox.close()
  }
  if (system.broken.aborted) console.error((system.broken.reason as Error).message)
  interruption.giveUp.throwIfAborted()

  const observations = await readObservations({ ...system, ...system.databases, delivery: 'exactly-once' }, load, stored)
  const result = reconcile(observations)
  const takeovers = publishingGaps(kills.done, observations.records.map(({ timestamp }) => timestamp))
  const durationMs = Math.round(performance.now() - startedAt)
  console.log(reconciliationText(result) + takeoversText(takeovers))
  if (report !== undefined) await writeFile(report, `${JSON.stringify(toReport(result, durationMs, takeovers), null, 2)}\n`)
  const good = isClean(result) && !system.broken.aborted && kills.done.length === takeovers.length
  // With --exit, an interrupted run must not pass for the whole of it.
  return !good ? 1 : exit && stopPosting.aborted ? INTERRUPTED : 0
}

/** Posts the orders, and then more until the last takeover: a kill shows nothing when nothing is published. */
async function postUnderKills (load: OrderLoad, kills: LeaderKills, options: LoadOptions): Promise<void> {
  const survived = new AbortController()
  const killing = kills.run(options.stopPosting).finally(() => { survived.abort() })
  killing.catch(() => {})
  await load.run(options)
  await load.run({ ...options, orders: kills.planned === 0 ? 0 : Infinity, stopPosting: AbortSignal.any([options.stopPosting, survived.signal]) })
  await killing
}

try {
  // Exits explicitly: the rest of a closed connection must not keep the process alive.
  process.exit(await main())
} catch (error) {
  if (!(error instanceof InterruptedError)) console.error(error instanceof MissingToolError ? error.message : error)
  // Exits explicitly: a download may still be in progress.
  process.exit(error instanceof InterruptedError ? INTERRUPTED : 1)
}
