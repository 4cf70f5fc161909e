import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { Readable } from 'node:stream'
import { ServerError } from './errors.ts'

/**
 * Stands between us and a server, because a process that is killed cannot stop anything. It reads a pipe that we hold
 * open: when the pipe ends, we are gone, however that came, and it ends the server and removes what was asked.
 *
 * $1: the signal that stops the server; $2: the folder to remove, or nothing; the rest: the server.
 */
const GUARD = `
signal=$1; folder=$2; shift 2
exec 4<&0
"$@" </dev/null 3>&- 4<&- &
server=$!
echo "$server" >&3
exec 3>&-
(
  cat <&4 >/dev/null
  kill -CONT "$server" 2>/dev/null
  kill -"$signal" "$server" 2>/dev/null
  tries=0
  while kill -0 "$server" 2>/dev/null && [ "$tries" -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
  kill -KILL "$server" 2>/dev/null
  if [ -n "$folder" ]; then rm -rf "$folder"; fi
) &
exec 4<&-
wait "$server"
exit $?
`

export interface ServerOptions {
  name: string
  command: string
  args: readonly string[]
  env?: NodeJS.ProcessEnv
  /** Both streams of the server go here. */
  logFile: string
  /** The signal that makes the server end at once and tidily. */
  stopSignal: NodeJS.Signals
  /** Removed when this process is gone; not when the server just ends, for it may be started again. */
  removeWithParent: string | undefined
  uid?: number | undefined
  gid?: number | undefined
}

/** A server as a child process that does not outlive us. */
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
    const guard = spawn('/bin/sh', ['-c', GUARD, `guard-of-${name}`, stopSignal.replace('SIG', ''), removeWithParent ?? '', command, ...args], {
      // Its own process group: the terminal's Ctrl-C is for us, and we stop the servers last.
      detached: true,
      env: { ...process.env, ...env },
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
      stdio: ['pipe', log, log, 'pipe']
    })
    closeSync(log)
    const pid = Number((await firstLine(guard.stdio[3] as Readable)).trim())
    if (!(pid > 0)) throw new ServerError(name, 'could not be started', await tail(logFile))
    return new ServerProcess(guard, pid, options)
  }

  get running (): boolean {
    return this.#running
  }

  kill (signal: NodeJS.Signals): void {
    if (this.#running) process.kill(this.pid, signal)
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

async function firstLine (stream: Readable): Promise<string> {
  let text = ''
  for await (const chunk of stream) {
    text += String(chunk)
    if (text.includes('\n')) break
  }
  return text
}

async function tail (file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text.slice(-2_000)
}
