/** Receives a line for each step that takes long. */
export type Progress = (line: string) => void

/** Often in a terminal; rarely in a log file, where too many lines hide the others. */
const REPEAT_EVERY_MS = { terminal: 2_000, log: 15_000 }

/** Reports the start of `what`, its progress every few seconds, and how long it took or after how long it failed. */
export async function withProgress<T> (progress: Progress, what: string, howFar: () => string, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now()
  const soFar = () => `${howFar()}, ${Math.round((performance.now() - startedAt) / 1_000)} s`
  progress(what)
  const timer = setInterval(() => { progress(`${what}: ${soFar()}`) }, process.stdout.isTTY ? REPEAT_EVERY_MS.terminal : REPEAT_EVERY_MS.log)
  try {
    const result = await work()
    progress(`${what}: done, ${soFar()}`)
    return result
  } catch (error) {
    progress(`${what}: failed, ${soFar()}`)
    throw error
  } finally {
    clearInterval(timer)
  }
}
