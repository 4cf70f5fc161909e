import type { CopyRow, RestoreRow } from './final-state.ts'

/** For so long after its cause is gone a relay may still find it: at its next take-over, and a relay that met strangers waits before it. */
const AFTERMATH_MS = 600_000

/** Whether a relay may have found a position in Kafka at this time that its database knows nothing of. */
export function hasCause (t: number, restores: ReadonlyArray<Pick<RestoreRow, 'at'>>, copies: ReadonlyArray<Pick<CopyRow, 'from' | 'to'>>): boolean {
  return restores.some(({ at }) => t >= at && t <= at + AFTERMATH_MS) || copies.some(({ from, to }) => t >= from && t <= to + AFTERMATH_MS)
}
