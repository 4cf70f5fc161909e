import { mkdir, rename, rm } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { randomBytes } from 'node:crypto'

/** Where what was downloaded or built is kept between runs; outside the checkout, so that a fresh clone finds it. */
export function cacheDirectory (): string {
  const { ORDERS_OUTBOX_CACHE: own, XDG_CACHE_HOME: cache } = process.env
  return own ?? join(cache ?? join(homedir(), '.cache'), 'orders-outbox')
}

/** Like {@link cacheDirectory}, but where another user can read: root's home is closed to the user that runs Postgres. */
export function publicCacheDirectory (): string {
  return process.getuid?.() === 0 ? join(dirname(tmpdir()) === '/' ? '/var/tmp' : tmpdir(), 'orders-outbox') : cacheDirectory()
}

/**
 * Makes a folder once. `fill` works on a folder beside it that is renamed when it is complete: whoever is interrupted
 * leaves nothing that looks finished, and of two that work at once one wins.
 */
export async function cachedFolder (folder: string, fill: (folder: string) => Promise<void>): Promise<string> {
  if (existsSync(folder)) return folder
  const unfinished = join(dirname(folder), `.${basename(folder)}-${randomBytes(4).toString('hex')}`)
  await mkdir(unfinished, { recursive: true, mode: 0o755 })
  try {
    await fill(unfinished)
    await rename(unfinished, folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    })
    return folder
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
}
