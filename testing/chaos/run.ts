import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { check, loadRun, Recorder, saveDescription, saveFinalState, type Run, type RunDescription, type Verdict } from '../checker/index.ts'
import { readFinalState } from '../checker/observation/final-state.ts'
import { untilNothingInFlight } from '../checker/observation/arrival.ts'
import { OutboxWatch } from '../checker/observation/outbox-watch.ts'
import { chooseFaults } from '../faults/faults.ts'
import type { Fault } from '../faults/fault.ts'
import { ClientOperations } from '../traffic/client-operations.ts'
import { Nemesis } from './nemesis.ts'
import type { ChaosOptions } from './options.ts'
import { Random } from '../framework/random.ts'
import { renderReport } from '../report/report.ts'
import { Sampler } from './sampler.ts'
import { planSchedule } from './schedule.ts'
import { startSystem, type System } from '../system/system.ts'

/** Generous: it has to hold on a busy machine with two cores. */
const RECOVERY_DEADLINE_MS = 180_000
const MINUTE_MS = 60_000

export interface ChaosResult {
  run: Run
  verdicts: Verdict[]
}

/**
 * Runs the whole system under load, injects the faults of the seed's schedule, lets it recover, and checks the invariants. Stores
 * history, final state and report in `options.folder`.
 */
export async function runChaos (options: ChaosOptions, interrupt: AbortSignal): Promise<ChaosResult> {
  const { seed, minutes, rate, fault, lease, delivery, folder, pauseMs, progress } = options
  const available = new Set<Fault['needs']>()
  if (lease === 'kubernetes') available.add('kubernetes')
  if (options.wrongClocks) available.add('faketime')
  if (options.smallDisks) available.add('small-disks')
  if (options.restores) available.add('restore')
  available.add(options.brokers === 3 ? 'three-brokers' : 'one-broker')
  const random = new Random(seed)
  const schedule = planSchedule({ faults: chooseFaults(available, fault), durationMs: minutes * MINUTE_MS, pauseMs, random })
  const description: RunDescription = {
    seed,
    startedAt: new Date().toISOString(),
    durationMs: 0,
    delivery,
    refused: 'block',
    batchEvents: 1_000,
    recoveryDeadlineMs: RECOVERY_DEADLINE_MS,
    schedule: schedule.map(({ f, target, atMs, forMs }) => ({ f, target, atMs, forMs }))
  }
  await mkdir(folder, { recursive: true })
  // An earlier run with the same seed may have left its files here.
  for (const former of ['run.json', 'history', 'final', 'logs', 'report.html']) await rm(join(folder, former), { recursive: true, force: true })
  await saveDescription(folder, description)

  const recorder = new Recorder(folder)
  const system = await startSystem(options, recorder)
  try {
    const load = new ClientOperations(() => system.api.process?.http ?? 'http://127.0.0.1:1', recorder, new Random(seed + 1))
    const sampler = new Sampler(system, recorder, load)
    const [stopPosting, giveUp, stopSampling] = [new AbortController(), new AbortController(), new AbortController()]
    const sampling = sampler.run(stopSampling.signal)
    const posting = load.run(rate, stopPosting.signal, giveUp.signal)
    const nemesis = new Nemesis(system, recorder, new Random(seed + 2), progress)
    progress(`seed ${seed}: ${schedule.length} faults in ${minutes} min, ${rate} orders/s, ${delivery}, lease in ${lease}, ${options.brokers === 1 ? 'one broker' : `${options.brokers} brokers`}`)
    const endsAt = recorder.now + minutes * MINUTE_MS
    await nemesis.run(schedule, interrupt)
    await delay(Math.max(0, endsAt - recorder.now), undefined, { signal: interrupt }).catch(() => {})

    progress('all faults are healed, everything has to arrive')
    stopPosting.abort()
    const late = setTimeout(() => { giveUp.abort() }, RECOVERY_DEADLINE_MS)
    await posting.finally(() => { clearTimeout(late) })
    const outbox = new OutboxWatch(system.ordersUrl)
    await untilNothingInFlight(system, outbox, RECOVERY_DEADLINE_MS).finally(() => outbox.close()).then(() => { description.recoveredAt = recorder.now }, (error: Error) => { progress(error.message) })
    await Promise.all(system.replicas.map((replica) => replica.untilReady().catch(() => {})))
    await sampler.sample()
    stopSampling.abort()
    await sampling

    const health = Object.fromEntries(await Promise.all(system.replicas.map(async (replica) => [replica.name, await replica.health()] as const)))
    progress('reading what is left')
    await storeFinalState(system, folder, health)
    // Shutdown is checked too: each process drains, and exits with 0.
    for (const replica of system.replicas) await replica.end('SIGTERM')
    description.durationMs = recorder.now
    await saveDescription(folder, description)
  } finally {
    await system.close()
    await recorder.close()
  }
  // From the stored files alone, so that the check can be repeated.
  const run = await loadRun(folder)
  const verdicts = check(run)
  await writeFile(join(folder, 'report.html'), renderReport(run, verdicts))
  return { run, verdicts }
}

/** Apart from {@link runChaos}: the state after an hour must not stay in memory while it is read again. */
async function storeFinalState ({ ordersUrl, viewsUrl, connection, topic, group, deadLetterTopic, brokers, undone, copied }: System, folder: string, health: Record<string, string>): Promise<void> {
  const observed = { ordersUrl, viewsUrl, connection, topic, consumer: { group, deadLetterTopic }, health, java: { brokers: brokers.direct } }
  await saveFinalState(folder, { ...await readFinalState(observed), ...undone, ...copied })
}
