import type { FaultEntry, Part } from './entry.ts'

export interface FaultWindow {
  f: string
  target: string
  affects: readonly Part[]
  from: number
  /** Infinity for one that was never healed. */
  to: number
}

export function faultWindows (entries: readonly FaultEntry[]): FaultWindow[] {
  const windows = new Map<number, FaultWindow>()
  for (const { type, id, f, target, affects, t } of entries) {
    const window = windows.get(id)
    if (window === undefined) windows.set(id, { f, target, affects, from: t, to: Infinity })
    else if (type === 'ok') window.to = t
  }
  return [...windows.values()]
}

/** A set of time ranges. Merged and sorted, because it is searched a million times. */
export class Intervals {
  readonly #merged: Array<{ from: number, to: number }> = []

  constructor (intervals: ReadonlyArray<{ from: number, to: number }>) {
    for (const { from, to } of [...intervals].sort((a, b) => a.from - b.from)) {
      const last = this.#merged.at(-1)
      if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to)
      else this.#merged.push({ from, to })
    }
  }

  /** Whether one of the ranges overlaps the time from `from` to `to`. */
  overlaps (from: number, to: number): boolean {
    let [low, high] = [0, this.#merged.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#merged[middle]?.to ?? 0) < from) low = middle + 1
      else high = middle
    }
    const next = this.#merged[low]
    return next !== undefined && next.from <= to
  }
}
