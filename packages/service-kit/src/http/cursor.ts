import { ProblemError } from './problem.ts'

/** Matches cursors only: 16 bytes in base64url. Four bits of the last character are unused. */
export const CURSOR_PATTERN = '^[A-Za-z0-9_-]{21}[AQgw]$'

const CURSOR = new RegExp(CURSOR_PATTERN)

/** The cursor of a page: the id (a UUID) of its last entry, encoded so that clients do not depend on its meaning. */
export function encodeCursor (lastId: string): string {
  return Buffer.from(lastId.replaceAll('-', ''), 'hex').toString('base64url')
}

/** @throws ProblemError 400 for anything else than a cursor of {@link encodeCursor} */
export function decodeCursor (cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined
  if (!CURSOR.test(cursor)) throw new ProblemError(400, 'invalid-request', 'expected the nextCursor of a page as cursor, found something else')
  return Buffer.from(cursor, 'base64url').toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
