import { readdir, readFile } from 'node:fs/promises'

/** Clock ticks a second, in which Linux counts: 100 wherever Node runs. */
const TICKS = 100
const KIBIBYTES = 1_024

export interface ProcessUsage {
  /** User and system, from the start of the process. */
  cpuSeconds: number
  rssMegabytes: number
  /** The most that it ever had. */
  peakRssMegabytes: number
}

/** What Linux counts of a process. @throws where there is no /proc, or no such process */
export async function processUsage (pid: number): Promise<ProcessUsage> {
  const [stat, status] = await Promise.all([readStat(pid), readFile(`/proc/${pid}/status`, 'utf8')])
  const megabytes = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / KIBIBYTES
  return { cpuSeconds: stat.cpuSeconds, rssMegabytes: megabytes('VmRSS'), peakRssMegabytes: megabytes('VmHWM') }
}

/** CPU of a process and of its children, those that have ended included. */
export async function familyCpuSeconds (pid: number): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const stats = await Promise.all(pids.map((each) => readStat(each).catch(() => undefined)))
  let seconds = 0
  for (const stat of stats) {
    if (stat?.pid === pid) seconds += stat.cpuSeconds + stat.childrenCpuSeconds
    else if (stat?.parent === pid) seconds += stat.cpuSeconds
  }
  return seconds
}

/** CPU seconds of the whole machine: used, and available. */
export async function machineCpuSeconds (): Promise<{ busy: number, total: number }> {
  const [line = ''] = (await readFile('/proc/stat', 'utf8')).split('\n')
  const [user = 0, nice = 0, system = 0, idle = 0, waiting = 0, interrupts = 0, soft = 0, stolen = 0] = line.trim().split(/\s+/).slice(1).map(Number)
  const busy = (user + nice + system + interrupts + soft + stolen) / TICKS
  return { busy, total: busy + (idle + waiting) / TICKS }
}

async function readStat (pid: number) {
  // The name, in parentheses, may contain anything.
  const [, fields = ''] = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(/\) (?=[A-Za-z] )/)
  const [, parent, , , , , , , , , , user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields.split(' ').map(Number)
  return { pid, parent, cpuSeconds: (user + system) / TICKS, childrenCpuSeconds: (childrenUser + childrenSystem) / TICKS }
}
