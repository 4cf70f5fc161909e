import type { Answer, ClientEntry } from './entry.ts'

/** A request from start to end. */
export interface Operation {
  f: ClientEntry['f']
  key?: string | undefined
  /** `info` also when the run ended first. */
  outcome: 'ok' | 'fail' | 'info'
  beganAt: number
  /** Infinity for one that never ended. */
  endedAt: number
  /** `create` only: stored in the order that it created. */
  origin?: string | undefined
  /** The order to change, also if the outcome is unknown; for `create` the order of the answer. */
  order?: string | undefined
  version?: number | undefined
  status?: string | undefined
  contested: boolean
  refusals: readonly number[]
  again: readonly Answer[]
}

const NONE: readonly never[] = []

/** Joins the start and the end of each request. */
export class Operations {
  readonly #all = new Map<number, Operation>()

  add ({ type, f, op, key, t, origin, order, version, status, refusals, again, contested = false }: ClientEntry): void {
    if (type === 'invoke') {
      this.#all.set(op, { f, key, outcome: 'info', beganAt: t, endedAt: Infinity, origin, order, contested, refusals: NONE, again: NONE })
      return
    }
    const begun = this.#all.get(op)
    this.#all.set(op, {
      f, key, outcome: type, beganAt: begun?.beganAt ?? t, endedAt: t, origin: begun?.origin, order: order ?? begun?.order, contested: begun?.contested ?? contested, version, status, refusals: refusals ?? NONE, again: again ?? NONE
    })
  }

  get all (): Operation[] {
    return [...this.#all.values()]
  }
}
