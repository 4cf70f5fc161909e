// `npm run demo`: real servers, the three services, orders at a steady rate, and what becomes of them.
import { writeFile } from 'node:fs/promises'
import { until } from '@orders/local-stack/harness'
import { gatherEvidence } from './demo/gather-evidence.ts'
import { LiveView } from './demo/live-view.ts'
import { parseOptions, USAGE, type DemoOptions } from './demo/options.ts'
import { OrderLoad } from './demo/order-load.ts'
import { buildStage, type Stage } from './demo/stage.ts'
import { isClean, judge, type Verdict } from './demo/verdict.ts'

const ARRIVAL_DEADLINE_MS = 120_000

async function main (): Promise<number> {
  let options: DemoOptions
  try {
    options = parseOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`)
    return 2
  }
  const interrupted = new AbortController()
  process.on('SIGINT', () => { interrupted.abort() })
  process.on('SIGTERM', () => { interrupted.abort() })

  const stage = await buildStage({ apiPort: options.apiPort, progress: (line) => { console.log(line) } })
  try {
    return await perform(stage, options, interrupted.signal)
  } finally {
    console.log('stopping everything')
    await stage.close()
  }
}

async function perform (stage: Stage, { orders = Infinity, exit, rate, report }: DemoOptions, interrupted: AbortSignal): Promise<number> {
  printAddresses(stage)
  const startedAt = performance.now()
  const load = new OrderLoad(() => stage.api.http)
  const view = new LiveView(stage, load)
  const viewing = new AbortController()
  const shown = view.run(viewing.signal)
  try {
    await load.run(rate, orders, interrupted)
    if (!exit && !interrupted.aborted) await new Promise((resolve) => { interrupted.addEventListener('abort', resolve) })
    await untilArrived(stage, load).catch((error: Error) => { console.error(error.message) })
  } finally {
    viewing.abort()
    await shown
    await view.draw()
  }
  const verdict = judge(await gatherEvidence(stage, load))
  const durationMs = Math.round(performance.now() - startedAt)
  printVerdict(verdict)
  if (report !== undefined) await writeFile(report, `${JSON.stringify({ ...verdict, durationMs }, null, 2)}\n`)
  return isClean(verdict) ? 0 : 1
}

async function untilArrived ({ consumer }: Stage, load: OrderLoad): Promise<void> {
  await until(async () => {
    const { applied } = await (await fetch(`${consumer.http}/stats`)).json() as { applied: number }
    if (applied < load.events) throw new Error(`${applied} of ${load.events} applied`)
    return true
  }, { what: 'every accepted event to be applied', deadlineMs: ARRIVAL_DEADLINE_MS })
}

function printAddresses (stage: Stage): void {
  console.log(`
  orders       ${stage.api.http}/orders     documentation  ${stage.api.http}/docs
  read model   ${stage.consumer.http}/stats
  Postgres     ${stage.ordersUrl}
               ${stage.viewsUrl}
  Kafka        ${stage.brokers}, topic ${stage.topic}
  metrics      ${[stage.api, ...stage.relays, stage.consumer].map((service) => `${service.name} ${service.ops}/metrics`).join('\n               ')}
`)
}

function printVerdict (verdict: Verdict): void {
  console.log(`
  ${verdict.ordersAccepted} orders accepted, ${verdict.eventsExpected} events expected, ${verdict.eventsInTopic} in the topic, ${verdict.effects} took effect
  lost ${verdict.lost}, duplicates in the topic ${verdict.duplicatesInTopic}, out of order ${verdict.outOfOrder}, unexpected ${verdict.unexpected}, wrong effects ${verdict.wrongEffects}
  ${isClean(verdict) ? 'every accepted event took effect exactly once, in order' : 'NOT as promised'}
`)
}

process.exitCode = await main()
