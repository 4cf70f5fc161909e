/** The prepared statement is gone, or another one has its name: a pooler, or a DEALLOCATE. */
const MISPLACED = new Set(['26000', '42P05'])
/** The types do not match: a statement keeps the parameter types that it was prepared with. */
const OTHER_TYPES = new Set(['42804', '42883'])
const FEATURE_NOT_SUPPORTED = '0A000'
const INTERNAL_ERROR = 'XX000'

/**
 * Whether a prepared statement failed because its tables have changed since, or because it is gone. It was not executed, and
 * would fail on this connection again. The same text without its name succeeds.
 */
export function isStaleStatement (error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code = '' } = error as Error & { code?: string }
  if (MISPLACED.has(code) || OTHER_TYPES.has(code)) return true
  // Messages may be in another language than English, so look at the routine first. This code has other causes too.
  if (code === FEATURE_NOT_SUPPORTED) return (error as Error & { routine?: string }).routine === 'RevalidateCachedQuery' || /cached plan/.test(error.message)
  return code === INTERNAL_ERROR && /cache lookup failed|could not open relation with OID/.test(error.message)
}

/** The same statement without its name: Postgres plans it again, and neither the driver nor a pooler keeps it. */
export function unnamed<T> (statement: T): T {
  if (typeof statement !== 'object' || statement === null || !('name' in statement)) return statement
  return { ...statement, name: undefined }
}
