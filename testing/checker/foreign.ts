import type { CopyRow, RestoreRow } from './final-state.ts'

/** A relay may still find a foreign position so long after its cause: at its next takeover, and it waits before that. */
const AFTERMATH_MS = 600_000

/** Whether a restore or a copied database explains that a relay found a foreign position in Kafka at this time. */
export function hasCause (t: number, restores: ReadonlyArray<Pick<RestoreRow, 'at'>>, copies: ReadonlyArray<Pick<CopyRow, 'from' | 'to'>>): boolean {
  return restores.some(({ at }) => t >= at && t <= at + AFTERMATH_MS) || copies.some(({ from, to }) => t >= from && t <= to + AFTERMATH_MS)
}
