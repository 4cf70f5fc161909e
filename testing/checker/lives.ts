import type { ProcessEntry } from './entry.ts'

/** A process from start to end. */
export interface Life {
  process: string
  from: number
  /** Infinity for one that outlived the run. */
  to: number
}

export function livesOf (processes: readonly ProcessEntry[]): Life[] {
  const lives: Life[] = []
  const open = new Map<string, Life>()
  for (const { process, type, f, t } of processes) {
    if (f !== 'life') continue
    const life = open.get(process)
    if (life !== undefined) life.to = t
    open.delete(process)
    if (type !== 'invoke') continue
    const next = { process, from: t, to: Infinity }
    lives.push(next)
    open.set(process, next)
  }
  return lives
}
