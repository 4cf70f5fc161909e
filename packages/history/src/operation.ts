import type { ClientEntry } from './entry.ts'

/** A request from its beginning to its end. */
export interface Operation {
  f: ClientEntry['f']
  key: string
  /** `info` also when the run ended first. */
  outcome: 'ok' | 'fail' | 'info'
  beganAt: number
  /** Infinity for one that never ended. */
  endedAt: number
  order?: string | undefined
  version?: number | undefined
  status?: string | undefined
  refusals: readonly number[]
}

const NONE: readonly number[] = []

/** Puts the beginnings and ends of requests together. */
export class Operations {
  readonly #all = new Map<number, Operation>()

  add ({ type, f, op, key, t, order, version, status, refusals }: ClientEntry): void {
    const begun = this.#all.get(op)
    if (type === 'invoke') {
      this.#all.set(op, { f, key, outcome: 'info', beganAt: t, endedAt: Infinity, refusals: NONE })
      return
    }
    this.#all.set(op, { f, key, outcome: type, beganAt: begun?.beganAt ?? t, endedAt: t, order, version, status, refusals: refusals ?? NONE })
  }

  get all (): Operation[] {
    return [...this.#all.values()]
  }
}
