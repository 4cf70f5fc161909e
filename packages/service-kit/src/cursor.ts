import { ProblemError } from './problem.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** A page's cursor: the id of its last entry, opaque so that nobody builds on what it is. */
export function encodeCursor (lastId: string): string {
  return Buffer.from(lastId).toString('base64url')
}

/** @throws ProblemError 400 for anything that {@link encodeCursor} did not make */
export function decodeCursor (cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined
  const id = Buffer.from(cursor, 'base64url').toString()
  // Buffer.from skips what is no base64url, so many texts would stand for one page.
  if (!UUID.test(id) || encodeCursor(id) !== cursor) throw new ProblemError(400, 'invalid-request', 'expected the nextCursor of a page as cursor, found something else')
  return id
}
