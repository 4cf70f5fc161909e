import { ConfigError } from './config-error.ts'

/** For the entry point of a process: settings that cannot be used are printed, all of them, and end it with exit code 1. */
export function configOrExit<Config> (name: string, load: () => Config): Config {
  try {
    return load()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${name}: ${error.message}\n`)
    process.exit(1)
  }
}
