import type { Answer, ClientEntry } from './entry.ts'

/** A request from its beginning to its end. */
export interface Operation {
  f: ClientEntry['f']
  key?: string | undefined
  /** `info` also when the run ended first. */
  outcome: 'ok' | 'fail' | 'info'
  beganAt: number
  /** Infinity for one that never ended. */
  endedAt: number
  /** `create` only: what the order carries that it made. */
  origin?: string | undefined
  /** Which order was to be changed, also when nobody knows whether it was; for `create` as it was answered. */
  order?: string | undefined
  version?: number | undefined
  status?: string | undefined
  contested: boolean
  refusals: readonly number[]
  again: readonly Answer[]
}

const NONE: readonly never[] = []

/** Puts the beginnings and ends of requests together. */
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
