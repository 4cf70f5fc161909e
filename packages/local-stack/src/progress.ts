/** Told what takes long, one line at a time. */
export type Progress = (line: string) => void

const REPEAT_EVERY_MS = 2_000

/** Reports that `what` began, how far it is every few seconds, and how long it took. */
export async function withProgress<T> (progress: Progress, what: string, howFar: () => string, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now()
  const seconds = () => `${Math.round((performance.now() - startedAt) / 1_000)} s`
  progress(what)
  const timer = setInterval(() => { progress(`${what}: ${howFar()}, ${seconds()}`) }, REPEAT_EVERY_MS)
  try {
    const result = await work()
    progress(`${what}: done, ${howFar()}, ${seconds()}`)
    return result
  } finally {
    clearInterval(timer)
  }
}
