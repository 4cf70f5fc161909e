import { readdir, readFile } from 'node:fs/promises'

const FOLDER = new URL('../sql/', import.meta.url)

/** One file of `packages/outbox/sql`. */
export interface DdlFile {
  name: string
  sql: string
}

/**
 * The DDL of record: every file, in the order in which a database applies them. A published file never changes, because a database
 * may have applied it already. A change is a new file.
 */
export async function readDdlOfRecord (): Promise<DdlFile[]> {
  const names = (await readdir(FOLDER)).filter((name) => /^\d{3}-.*\.sql$/.test(name)).sort()
  return Promise.all(names.map(async (name) => ({ name, sql: await readFile(new URL(name, FOLDER), 'utf8') })))
}
