import { familyCpuSeconds, machineCpuSeconds } from './process-usage.ts'

/**
 * The share of the machine's CPU, in percent, that other processes used during the measurement. Above a few percent, throughput
 * and latency depend more on them than on the system.
 */
export class ForeignLoad {
  readonly #pids: readonly number[]
  #own = 0
  #machine = { busy: 0, total: 0 }

  private constructor (pids: readonly number[]) {
    this.#pids = pids
  }

  /** @param pids of all that takes part, besides this process */
  static async start (pids: readonly number[]): Promise<ForeignLoad> {
    const load = new ForeignLoad(pids)
    load.#machine = await machineCpuSeconds()
    load.#own = await load.#ownCpuSeconds()
    return load
  }

  async percent (): Promise<number> {
    const machine = await machineCpuSeconds()
    const own = await this.#ownCpuSeconds() - this.#own
    const share = (machine.busy - this.#machine.busy - own) / (machine.total - this.#machine.total)
    return Math.max(0, share * 100)
  }

  async #ownCpuSeconds (): Promise<number> {
    const { user, system } = process.cpuUsage()
    const others = await Promise.all(this.#pids.map((pid) => familyCpuSeconds(pid)))
    return others.reduce((sum, seconds) => sum + seconds, (user + system) / 1_000_000)
  }
}
