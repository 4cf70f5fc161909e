import closeWithGrace from 'close-with-grace'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { configOrExit } from '../config/config-error.ts'
import type { Health } from './health.ts'
import { createLogger } from './logger.ts'

export interface ServiceConfig {
  LOG_LEVEL: string
  SHUTDOWN_DELAY_MS: number
  SHUTDOWN_DEADLINE_MS: number
}

export interface ServiceContext<Config> {
  config: Config
  logger: Logger
  /** Registers a stop step. The steps run one after the other, the last one first. */
  onStop: (name: string, step: Step) => void
  /** Runs the stop steps and ends the process with exit code 1: for errors that the process cannot recover from. */
  fail: (error: Error) => void
}

export interface RunServiceOptions<Config> {
  name: string
  loadConfig: (env: NodeJS.ProcessEnv) => Config
  health: Health
  start: (context: ServiceContext<Config>) => Promise<void>
}

/**
 * The life cycle of a service's process.
 *
 * - Invalid settings: prints every problem, exit code 1.
 * - SIGTERM or SIGINT: not ready at once, the stop steps after `SHUTDOWN_DELAY_MS`, exit code 0.
 * - A second signal, or stop steps that take longer than `SHUTDOWN_DEADLINE_MS`: exit code 1 at once.
 * - An uncaught error: logged, the stop steps, exit code 1. The state of the process is unknown after it.
 */
export async function runService<Config extends ServiceConfig> ({ name, loadConfig, health, start }: RunServiceOptions<Config>): Promise<void> {
  const config = configOrExit(name, () => loadConfig(process.env))
  const logger = createLogger({ name, level: config.LOG_LEVEL })
  const steps = new StopSteps()
  let failed = false

  const grace = closeWithGrace({
    delay: config.SHUTDOWN_DELAY_MS + config.SHUTDOWN_DEADLINE_MS,
    logger: false,
    onTimeout: () => { logger.fatal({ event: 'stop_timed_out', step: steps.current }, 'not stopped within SHUTDOWN_DEADLINE_MS') },
    onSecondSignal: (signal) => { logger.fatal({ event: 'stop_interrupted', signal, step: steps.current }, 'a second signal, ending at once') },
    onSecondError: (err) => { logger.fatal({ event: 'uncaught_error', err, step: steps.current }, 'uncaught error while stopping') }
  }, async ({ signal, err }) => {
    health.draining = true
    if (err !== undefined) logger.fatal({ event: 'uncaught_error', err }, 'uncaught error')
    else logger.info({ event: 'draining', signal }, 'draining')
    if (signal !== undefined) await delay(config.SHUTDOWN_DELAY_MS)
    await steps.run(logger)
    logger.info({ event: 'stopped' }, 'stopped')
    if (failed) process.exit(1)
  })
  const fail = (message: string) => (error: Error) => {
    if (health.draining) {
      // The stop steps close the connections of parts that still start or run. Their errors are expected.
      logger.warn({ event: 'start_failed', err: error }, `${message}, while stopping`)
      return
    }
    failed = true
    logger.fatal({ event: 'start_failed', err: error }, message)
    void grace.close()
  }
  try {
    await start({ config, logger, onStop: (name, step) => { steps.add(name, step) }, fail: fail('cannot go on') })
  } catch (error) {
    fail('cannot start')(error as Error)
  }
}

type Step = () => Promise<unknown> | unknown

/** Not an AsyncDisposableStack: each step is logged, and steps can be added while the others run. */
class StopSteps {
  readonly #steps: Array<{ name: string, step: Step }> = []
  #current: string | undefined

  /** Also while the steps run: a service that is stopped during its start still adds some. */
  add (name: string, step: Step): void {
    this.#steps.push({ name, step })
  }

  /** The running step: at a timeout, the one that hangs. */
  get current (): string | undefined {
    return this.#current
  }

  async run (logger: Logger): Promise<void> {
    for (let next = this.#steps.pop(); next !== undefined; next = this.#steps.pop()) {
      const { name, step } = next
      const startedAt = performance.now()
      this.#current = name
      try {
        await step()
        logger.info({ event: 'stop_step_done', step: name, durationMs: Math.round(performance.now() - startedAt) }, 'stop step done')
      } catch (error) {
        // The remaining steps still run: one of them may release a lease.
        logger.error({ event: 'stop_step_failed', err: error, step: name }, 'stop step failed')
      }
    }
    this.#current = undefined
  }
}
