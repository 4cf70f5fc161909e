import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { guardArguments, guardedPid } from './guard.ts'

export interface CommandOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
  uid?: number | undefined
  gid?: number | undefined
  /** Removed if the command does not complete. */
  removeWithParent?: string | undefined
  /** Given each line of output as it comes. */
  onLine?: (line: string, stream: 'stdout' | 'stderr') => void
  /** Ends the command and its children. */
  signal?: AbortSignal
}

/** A command that ended with another code than 0; 127 if there is no such command. */
export class CommandError extends Error {
  readonly code = 'LOCAL_STACK_COMMAND'
}

/**
 * Runs a command until it ends. Ends it with this process: an orphaned build would go on for minutes.
 *
 * @returns its output, both streams together
 * @throws CommandError with the end of that output
 */
export async function runCommand (command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { uid, gid, cwd, env, removeWithParent, onLine, signal } = options
  const child = spawn('/bin/sh', guardArguments({ name: command, command, args, stopSignal: 'SIGTERM', removeWithParent }), {
    // A process group of its own, with the command's children: the guard ends them together.
    detached: true,
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
    stdio: ['pipe', 'pipe', 'pipe', 'pipe']
  })
  guardedPid(child).catch(() => {})
  let output = ''
  for (const name of ['stdout', 'stderr'] as const) {
    const stream = child[name]
    if (stream === null) continue
    stream.on('data', (chunk: Buffer) => { output = (output + chunk.toString()).slice(-100_000) })
    if (onLine !== undefined) createInterface({ input: stream }).on('line', (line) => { onLine(line, name) })
  }
  // The guard treats the end of the pipe as the end of this process.
  const endInput = () => { child.stdin?.end() }
  signal?.addEventListener('abort', endInput)
  if (signal?.aborted === true) endInput()
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (error) => { reject(new CommandError(`${command} could not be started`, { cause: error })) })
    child.once('close', resolve)
  }).finally(() => { signal?.removeEventListener('abort', endInput) })
  if (code !== 0) throw new CommandError(`${command} ${args.join(' ')} ended with ${code}:\n${output.slice(-4_000)}`)
  return output
}
