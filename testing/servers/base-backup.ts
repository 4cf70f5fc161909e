import { constants } from 'node:fs'
import { chown, copyFile, lstat, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import type { User } from './unprivileged-user.ts'

const SLOT = 'local_stack_backup'
/** Files of the running server only; a backup leaves them out. */
const LEFT_OUT = new Set(['postmaster.pid', 'postmaster.opts', 'pg_wal', 'pg_replslot', 'pg_stat_tmp'])

export interface BackupOptions {
  /** As superuser. */
  url: string
  dataDirectory: string
  folder: string
  user: User | undefined
}

/**
 * Does the work of pg_basebackup, which the npm package does not contain: copies the files of a running server, and the log that
 * makes them consistent. https://www.postgresql.org/docs/18/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
 */
export async function writeBackup ({ url, dataDirectory, folder, user }: BackupOptions): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    // Without it a checkpoint during the copy could remove the log that the copy needs.
    await client.query('SELECT pg_create_physical_replication_slot($1, true, true)', [SLOT])
    await client.query('SELECT pg_backup_start($1, true)', [SLOT])
    await copyTree(dataDirectory, folder, user, LEFT_OUT)
    const { rows: [stopped] } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)')
    await copyTree(join(dataDirectory, 'pg_wal'), join(folder, 'pg_wal'), user)
    for (const empty of ['pg_replslot', 'pg_stat_tmp']) await makeFolder(join(folder, empty), user)
    const label = join(folder, 'backup_label')
    await writeFile(label, stopped?.labelfile ?? '', { mode: 0o600 })
    if (user !== undefined) await chown(label, user.uid, user.gid)
  } finally {
    await client.end().catch(() => {})
  }
}

/** Copies the data of a stopped server. */
export async function copyData (from: string, to: string, user: User | undefined): Promise<void> {
  await copyTree(from, to, user)
}

async function makeFolder (folder: string, user: User | undefined): Promise<void> {
  await mkdir(folder, { mode: 0o700 })
  if (user !== undefined) await chown(folder, user.uid, user.gid)
}

async function copyTree (from: string, to: string, user: User | undefined, leftOut: ReadonlySet<string> = new Set()): Promise<void> {
  await makeFolder(to, user)
  for (const name of await readdir(from)) {
    if (leftOut.has(name)) continue
    const [source, target] = [join(from, name), join(to, name)]
    try {
      if ((await lstat(source)).isDirectory()) await copyTree(source, target, user)
      else {
        await copyFile(source, target, constants.COPYFILE_FICLONE)
        if (user !== undefined) await chown(target, user.uid, user.gid)
      }
    } catch (error) {
      // A running server removes files; the log has their content.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}
