/** Throws, or rejects, if something is wrong. */
export type Check = () => Promise<void> | void

export interface Failure {
  check: string
  reason: string
}

const CHECK_DEADLINE_MS = 2_000

/**
 * The checks behind `/livez` and `/readyz`. Liveness checks concern this process only: if they depended on Postgres or Kafka,
 * an outage would restart every pod.
 */
export class Health {
  /** True from SIGTERM on: the service is not ready then. */
  draining = false
  readonly #readiness = new Map<string, Check>()
  readonly #liveness = new Map<string, Check>()

  addReadiness (name: string, check: Check): void {
    this.#readiness.set(name, check)
  }

  addLiveness (name: string, check: Check): void {
    this.#liveness.set(name, check)
  }

  async readiness (): Promise<Failure[]> {
    if (this.draining) return [{ check: 'draining', reason: 'the service is shutting down' }]
    return run(this.#readiness)
  }

  async liveness (): Promise<Failure[]> {
    return run(this.#liveness)
  }
}

export function createHealth (): Health {
  return new Health()
}

async function run (checks: Map<string, Check>): Promise<Failure[]> {
  const results = await Promise.all([...checks].map(async ([check, probe]): Promise<Failure | undefined> => {
    try {
      await withDeadline(probe)
      return undefined
    } catch (error) {
      return { check, reason: error instanceof Error ? error.message : String(error) }
    }
  }))
  return results.filter((failure) => failure !== undefined)
}

/** A check that hangs has failed. Without a deadline the probe itself would time out, and no log would name the check. */
async function withDeadline (probe: Check): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => { reject(new Error(`no answer within ${CHECK_DEADLINE_MS} ms`)) }, CHECK_DEADLINE_MS)
  })
  try {
    await Promise.race([probe(), late])
  } finally {
    clearTimeout(timer)
  }
}
