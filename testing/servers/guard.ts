import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'

/**
 * The parent of every child process: a parent that is killed cannot stop its children. The guard reads a pipe that the owner
 * holds open. When the pipe ends, the owner has ended, and the guard ends the process and removes the given folder.
 *
 * A process that ends by itself ends the guard too. Otherwise Node would close the owner's end of the pipe, and a server that
 * is started again later would find its data removed. A guard that has begun to clean up cannot be interrupted.
 *
 * Processes that the child started in its own group end with it: the compilers of a build, for example.
 *
 * $1: the signal that stops the process; $2: the folder to remove, or nothing; the rest: the command.
 */
const GUARD = `
signal=$1; folder=$2; shift 2
exec 4<&0
"$@" </dev/null 3>&- 4<&- &
process=$!
echo "$process" >&3
exec 3>&-
(
  PATH=$PATH:/usr/bin:/bin
  cat <&4 >/dev/null
  trap '' TERM
  kill -CONT "$process" 2>/dev/null
  kill -"$signal" "$process" 2>/dev/null
  tries=0
  while kill -0 "$process" 2>/dev/null && [ "$tries" -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
  kill -KILL "$process" 2>/dev/null
  kill -TERM -$$ 2>/dev/null
  if [ -n "$folder" ]; then rm -rf "$folder"; fi
  kill -KILL -$$ 2>/dev/null
) >/dev/null 2>&1 &
watch=$!
exec 4<&-
wait "$process"
code=$?
kill "$watch" 2>/dev/null
exit "$code"
`

export interface GuardOptions {
  name: string
  command: string
  args: readonly string[]
  stopSignal: NodeJS.Signals
  removeWithParent?: string | undefined
}

/**
 * Arguments for `/bin/sh`, to be spawned detached (it ends its process group) with four pipes or files as streams: the first
 * is the one that we hold open, the fourth brings the pid.
 */
export function guardArguments ({ name, command, args, stopSignal, removeWithParent }: GuardOptions): string[] {
  return ['-c', GUARD, `guard-of-${name}`, stopSignal.replace('SIG', ''), removeWithParent ?? '', command, ...args]
}

/** The pid of the process itself; undefined if it could not be started. The guard exits with its code, or 128 + signal. */
export async function guardedPid (guard: ChildProcess): Promise<number | undefined> {
  let text = ''
  for await (const chunk of guard.stdio[3] as Readable) {
    text += String(chunk)
    if (text.includes('\n')) break
  }
  const pid = Number(text.trim())
  return pid > 0 ? pid : undefined
}

/** The process ends a moment before its guard, and only the end of the guard is reported. */
export function signalUnlessGone (pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
