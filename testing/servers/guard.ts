import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'

/**
 * Stands between us and a process, because a process that is killed cannot stop anything. It reads a pipe that we hold
 * open: when the pipe ends, we are gone, however that came, and it ends the process and removes what was asked.
 *
 * A process that ended by itself ends the watch too: Node closes our end of the pipe then, and a server that is to be
 * started again would find its data removed. A watch that has begun to clean up is not disturbed any more.
 *
 * What the process started itself, and stayed in its group, ends with it: the compilers of a build, for example.
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

/** The process is gone a moment before its guard is, which is what we hear of. */
export function signalUnlessGone (pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
