import closeWithGrace from 'close-with-grace'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { configOrExit } from '../config/config-or-exit.ts'
import type { Health } from './health.ts'
import { createLogger } from './logger.ts'
import { StopSteps } from './stop-steps.ts'

export interface ServiceConfig {
  LOG_LEVEL: string
  SHUTDOWN_DELAY_MS: number
  SHUTDOWN_DEADLINE_MS: number
}

export interface ServiceContext<Config> {
  config: Config
  logger: Logger
  /** Steps are run in the reverse order of their registration, each after the one before has ended. */
  onStop: (name: string, step: () => Promise<unknown> | unknown) => void
  /** Ends the process with exit code 1, after the stop steps: for what cannot be recovered from inside. */
  fail: (error: Error) => void
}

export interface RunServiceOptions<Config> {
  name: string
  loadConfig: (env: NodeJS.ProcessEnv) => Config
  health: Health
  start: (context: ServiceContext<Config>) => Promise<void>
}

/**
 * The life of a service's process. Settings that cannot be used: every problem printed, exit 1. SIGTERM or SIGINT: not
 * ready at once, the stop steps after `SHUTDOWN_DELAY_MS`, exit 0; exit 1 at a second signal, or when the steps take longer
 * than `SHUTDOWN_DEADLINE_MS`. An error that nobody handled: logged, the stop steps, exit 1, for what it left behind is
 * unknown.
 */
export async function runService<Config extends ServiceConfig> ({ name, loadConfig, health, start }: RunServiceOptions<Config>): Promise<void> {
  const config = configOrExit(name, () => loadConfig(process.env))
  const logger = createLogger({ name, level: config.LOG_LEVEL })
  const steps = new StopSteps()
  let failed = false

  const grace = closeWithGrace({
    delay: config.SHUTDOWN_DELAY_MS + config.SHUTDOWN_DEADLINE_MS,
    logger: false,
    onTimeout: () => { logger.fatal({ event: 'stop_timed_out', step: steps.current }, 'not stopped by SHUTDOWN_DEADLINE_MS') },
    onSecondSignal: (signal) => { logger.fatal({ event: 'stop_interrupted', signal, step: steps.current }, 'a second signal, ending at once') },
    onSecondError: (err) => { logger.fatal({ event: 'uncaught_error', err, step: steps.current }, 'an error that nobody handled, while stopping') }
  }, async ({ signal, err }) => {
    health.draining = true
    if (err !== undefined) logger.fatal({ event: 'uncaught_error', err }, 'an error that nobody handled')
    else logger.info({ event: 'draining', signal }, 'draining')
    if (signal !== undefined) await delay(config.SHUTDOWN_DELAY_MS)
    await steps.run(logger)
    logger.info({ event: 'stopped' }, 'stopped')
    if (failed) process.exit(1)
  })
  const fail = (message: string) => (error: Error) => {
    if (health.draining) {
      // What was still starting, or running, finds its connections gone. It is ending anyway.
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
