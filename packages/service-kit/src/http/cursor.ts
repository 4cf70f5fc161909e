import { ProblemError } from './problem.ts'

/** What every cursor looks like, and nothing else does: 16 bytes in base64url, whose last character has four bits to spare. */
export const CURSOR_PATTERN = '^[A-Za-z0-9_-]{21}[AQgw]$'

const CURSOR = new RegExp(CURSOR_PATTERN)

/** A page's cursor: the id (a UUID) of its last entry, opaque so that nobody builds on what it is. */
export function encodeCursor (lastId: string): string {
  return Buffer.from(lastId.replaceAll('-', ''), 'hex').toString('base64url')
}

/** @throws ProblemError 400 for anything that {@link encodeCursor} did not make */
export function decodeCursor (cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined
  if (!CURSOR.test(cursor)) throw new ProblemError(400, 'invalid-request', 'expected the nextCursor of a page as cursor, found something else')
  return Buffer.from(cursor, 'base64url').toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
