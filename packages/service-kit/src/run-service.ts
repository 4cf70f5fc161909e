import closeWithGrace from 'close-with-grace'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { ConfigError } from './config.ts'
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
 * ready at once, the stop steps after `SHUTDOWN_DELAY_MS`, exit 0; exit 1 past the deadline or at a second signal. An
 * error that nobody handled: logged, the stop steps, exit 1, for what it left behind is unknown.
 */
export async function runService<Config extends ServiceConfig> (options: RunServiceOptions<Config>): Promise<void> {
  const { name, health } = options
  const config = readConfig(options)
  const logger = createLogger({ name, level: config.LOG_LEVEL })
  const steps: Array<{ name: string, step: () => Promise<unknown> | unknown }> = []
  let failed = false

  const grace = closeWithGrace({ delay: config.SHUTDOWN_DEADLINE_MS, logger: false }, async ({ signal, err }) => {
    health.draining = true
    if (err !== undefined) logger.fatal({ err }, 'an error that nobody handled')
    else logger.info({ signal }, 'draining')
    if (signal !== undefined) await delay(config.SHUTDOWN_DELAY_MS)
    await stop(steps, logger)
    logger.info('stopped')
    if (failed) process.exit(1)
  })
  const fail = (error: Error) => {
    failed = true
    logger.fatal({ err: error }, 'cannot go on')
    void grace.close()
  }
  try {
    await options.start({ config, logger, onStop: (name, step) => { steps.unshift({ name, step }) }, fail })
  } catch (error) {
    fail(error as Error)
  }
}

function readConfig<Config> ({ name, loadConfig }: RunServiceOptions<Config>): Config {
  try {
    return loadConfig(process.env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${name}: ${error.message}\n`)
    process.exit(1)
  }
}

async function stop (steps: ReadonlyArray<{ name: string, step: () => Promise<unknown> | unknown }>, logger: Logger): Promise<void> {
  for (const { name, step } of steps) {
    const startedAt = performance.now()
    try {
      await step()
      logger.debug({ step: name, durationMs: Math.round(performance.now() - startedAt) }, 'stop step done')
    } catch (error) {
      // The later steps still have to run: one of them may be the release of a lease.
      logger.error({ err: error, step: name }, 'stop step failed')
    }
  }
}
