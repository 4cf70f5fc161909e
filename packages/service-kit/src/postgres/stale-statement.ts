/** The connection's prepared statement is not there, or there is another one of its name: a pooler, or a DEALLOCATE. */
const MISPLACED = new Set(['26000', '42P05'])
/** Types that do not fit: a statement is prepared with the types that its parameters had then. */
const OTHER_TYPES = new Set(['42804', '42883'])
const FEATURE_NOT_SUPPORTED = '0A000'
const INTERNAL_ERROR = 'XX000'

/**
 * Whether an error says that a statement was prepared for tables that have changed since, or is not there any more. The
 * statement was not carried out, the connection is of no use for it, and the same text without its name succeeds.
 */
export function isStaleStatement (error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code = '' } = error as Error & { code?: string }
  if (MISPLACED.has(code) || OTHER_TYPES.has(code)) return true
  // The session may speak another language than English: of this code, only a result that changed comes from our statements.
  if (code === FEATURE_NOT_SUPPORTED) return (error as Error & { routine?: string }).routine === 'RevalidateCachedQuery' || /cached plan/.test(error.message)
  return code === INTERNAL_ERROR && /cache lookup failed|could not open relation with OID/.test(error.message)
}

/** The same statement, planned anew: without a name it is not kept, neither here nor by a pooler. */
export function unnamed<T> (statement: T): T {
  if (typeof statement !== 'object' || statement === null || !('name' in statement)) return statement
  return { ...statement, name: undefined }
}
