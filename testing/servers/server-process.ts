import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { ServerError } from './errors.ts'
import { guardArguments, guardedPid, signalUnlessGone } from './guard.ts'

export interface ServerOptions {
  name: string
  command: string
  args: readonly string[]
  env?: NodeJS.ProcessEnv
  /** Both streams of the server go here. */
  logFile: string
  /** The signal for a fast, clean shutdown. */
  stopSignal: NodeJS.Signals
  /** Removed when this process has ended; not when only the server ends, because it may be started again. */
  removeWithParent: string | undefined
  uid?: number | undefined
  gid?: number | undefined
}

/** A server as a child process that ends with this process. */
export class ServerProcess {
  /** The server's own, not its guard's. */
  readonly pid: number
  readonly exited: Promise<void>
  readonly #options: ServerOptions
  #running = true

  private constructor (guard: ChildProcess, pid: number, options: ServerOptions) {
    this.#options = options
    this.pid = pid
    this.exited = once(guard, 'exit').then(() => { this.#running = false })
  }

  static async start (options: ServerOptions): Promise<ServerProcess> {
    const { name, command, args, env, logFile, stopSignal, removeWithParent, uid, gid } = options
    const log = openSync(logFile, 'a')
    const guard = spawn('/bin/sh', guardArguments({ name, command, args, stopSignal, removeWithParent }), {
      // A process group of its own: the terminal's Ctrl-C must not reach the servers, which are stopped last.
      detached: true,
      env: { ...process.env, ...env },
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
      stdio: ['pipe', log, log, 'pipe']
    })
    closeSync(log)
    const pid = await guardedPid(guard)
    if (pid === undefined) throw new ServerError(name, 'could not be started', await tail(logFile))
    return new ServerProcess(guard, pid, options)
  }

  get running (): boolean {
    return this.#running
  }

  kill (signal: NodeJS.Signals): void {
    if (this.#running) signalUnlessGone(this.pid, signal)
  }

  /** Ends the server: its own signal first, SIGKILL after `deadlineMs`. */
  async stop (deadlineMs = 10_000): Promise<void> {
    if (!this.#running) return
    this.kill('SIGCONT')
    this.kill(this.#options.stopSignal)
    const stopped = new AbortController()
    const late = delay(deadlineMs, undefined, { signal: stopped.signal }).then(() => { this.kill('SIGKILL') }, () => {})
    await this.exited
    stopped.abort()
    await late
  }

  /** Resolves when `probe` does not throw any more. @throws ServerError when the server ends before, or is too slow */
  async untilReady (probe: () => Promise<void>, deadlineMs: number): Promise<void> {
    const { name, logFile } = this.#options
    const giveUpAt = performance.now() + deadlineMs
    for (;;) {
      if (!this.#running) throw new ServerError(name, 'ended while it started', await tail(logFile))
      try {
        await probe()
        return
      } catch (error) {
        if (performance.now() > giveUpAt) {
          throw new ServerError(name, `was not ready within ${deadlineMs} ms (${(error as Error).message})`, await tail(logFile))
        }
        await delay(50)
      }
    }
  }
}

/** A server that did not become ready still has a process and a folder, and its caller got nothing to close them with. */
export async function closedOnFailure (server: { close: () => Promise<void> }, starting: Promise<void>): Promise<void> {
  try {
    await starting
  } catch (error) {
    await server.close()
    throw error
  }
}

async function tail (file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text.slice(-2_000)
}
