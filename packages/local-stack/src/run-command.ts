import { spawn } from 'node:child_process'

export interface CommandOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
  uid?: number | undefined
  gid?: number | undefined
  nice?: boolean
}

/** A command that ended with another code than 0, or could not be started (`ENOENT` in `cause`). */
export class CommandError extends Error {
  readonly code = 'LOCAL_STACK_COMMAND'
}

/** Runs a command to its end; its output, both streams together. @throws CommandError with the end of that output */
export async function runCommand (command: string, args: readonly string[], { uid, gid, ...options }: CommandOptions = {}): Promise<string> {
  const child = spawn(command, args, {
    ...options,
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let output = ''
  const collect = (chunk: Buffer) => { output = (output + chunk.toString()).slice(-100_000) }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (error) => { reject(new CommandError(`${command} could not be started`, { cause: error })) })
    child.once('close', resolve)
  })
  if (code !== 0) throw new CommandError(`${command} ${args.join(' ')} ended with ${code}:\n${output.slice(-4_000)}`)
  return output
}
