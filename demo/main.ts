// `npm run demo`: real servers, the three services, orders at a steady rate, and what becomes of them.
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { MissingToolError } from '@orders/testing/servers'
import { addresses, takeOversText, verdictText } from './announce.ts'
import { InterruptedError, listenForInterruption, type Interruption } from './interruption.ts'
import { LeaderKills } from './leader-kills.ts'
import { LiveView } from './live-view.ts'
import { parseOptions, USAGE, type DemoOptions } from './options.ts'
import { toReport } from './report.ts'
import { buildStage, type Stage } from './stage.ts'
import { takeOvers } from './take-overs.ts'
import { untilArrived } from '@orders/testing/checker/observation/arrival'
import { gatherEvidence } from '@orders/testing/checker/observation/gather-evidence'
import { OrderLoad, type LoadOptions } from '@orders/testing/traffic/order-load'
import { OutboxWatch } from '@orders/testing/checker/observation/outbox-watch'
import { readStoredOrders, type StoredOrder } from '@orders/testing/checker/observation/stored-orders'
import { isClean, judge } from '@orders/testing/checker/observation/verdict'

/** As a shell has it for SIGINT. */
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
  const stage = await buildStage({ ...options, progress, signal: interruption.stopPosting })
  try {
    return await perform(stage, options, interruption)
  } finally {
    console.log('stopping everything')
    await stage.close()
  }
}

async function perform (stage: Stage, { orders = Infinity, exit, kills: planned, rate, report }: DemoOptions, interruption: Interruption): Promise<number> {
  console.log(addresses(stage))
  const startedAt = performance.now()
  const stopPosting = AbortSignal.any([interruption.stopPosting, stage.broken])
  const giveUp = AbortSignal.any([interruption.giveUp, stage.broken])
  const load = new OrderLoad(() => stage.api.http)
  const outbox = new OutboxWatch(stage.databases.ordersUrl)
  const kills = new LeaderKills(stage.relays, planned)
  const view = new LiveView(stage, load, outbox, kills)
  const viewing = new AbortController()
  const shown = view.run(viewing.signal)
  let stored: StoredOrder[] = []
  try {
    await postUnderKills(load, kills, { rate, orders, stopPosting, giveUp })
    if (!exit && !stopPosting.aborted) await once(stopPosting, 'abort')
    stored = await readStoredOrders(stage.databases.ordersUrl)
    await untilArrived(stage, load, outbox, giveUp).catch((error: Error) => { console.error(error.message) })
  } finally {
    viewing.abort()
    await shown
    await view.draw()
    await outbox.close()
  }
  if (stage.broken.aborted) console.error((stage.broken.reason as Error).message)
  interruption.giveUp.throwIfAborted()

  const evidence = await gatherEvidence({ ...stage, ...stage.databases, delivery: 'exactly-once' }, load, stored)
  const verdict = judge(evidence)
  const takeovers = takeOvers(kills.done, evidence.records.map(({ timestamp }) => timestamp))
  const durationMs = Math.round(performance.now() - startedAt)
  console.log(verdictText(verdict) + takeOversText(takeovers))
  if (report !== undefined) await writeFile(report, `${JSON.stringify(toReport(verdict, durationMs, takeovers), null, 2)}\n`)
  const good = isClean(verdict) && !stage.broken.aborted && kills.done.length === takeovers.length
  // Who asked for a number of orders must not take an interrupted run for the whole of it.
  return !good ? 1 : exit && stopPosting.aborted ? INTERRUPTED : 0
}

/** Posts what was asked for, and then on until the last kill is survived: a kill shows nothing when nothing is published. */
async function postUnderKills (load: OrderLoad, kills: LeaderKills, options: LoadOptions): Promise<void> {
  const survived = new AbortController()
  const killing = kills.run(options.stopPosting).finally(() => { survived.abort() })
  killing.catch(() => {})
  await load.run(options)
  await load.run({ ...options, orders: kills.planned === 0 ? 0 : Infinity, stopPosting: AbortSignal.any([options.stopPosting, survived.signal]) })
  await killing
}

try {
  // Not by the exit code alone: what is left of a connection that was closed must not keep us.
  process.exit(await main())
} catch (error) {
  if (!(error instanceof InterruptedError)) console.error(error instanceof MissingToolError ? error.message : error)
  // Not by the exit code alone: a download may still be under way.
  process.exit(error instanceof InterruptedError ? INTERRUPTED : 1)
}
