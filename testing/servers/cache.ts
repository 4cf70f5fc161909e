import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Progress } from './progress.ts'

const BEAT_MS = 1_000
/** A builder without a heartbeat for so long has died. */
const SILENT_MS = 30_000
/** Longer than SILENT_MS: after a suspend, a folder that is still being filled would be removed. */
const ABANDONED_MS = 24 * 3_600_000

/** Keeps downloads and builds between runs; outside the checkout, so that a fresh clone finds them. */
export function cacheDirectory (): string {
  const { ORDERS_OUTBOX_CACHE: own, XDG_CACHE_HOME: cache } = process.env
  return own ?? join(cache ?? join(homedir(), '.cache'), 'orders-outbox')
}

/** Like {@link cacheDirectory}, but where another user can read: root's home is closed to the user that runs Postgres. */
export function publicCacheDirectory (): string {
  return process.getuid?.() === 0 ? join(dirname(tmpdir()) === '/' ? '/var/tmp' : tmpdir(), 'orders-outbox') : cacheDirectory()
}

/**
 * Makes a folder once. `fill` works on a folder beside it that is renamed when it is complete, so an interrupted fill leaves
 * nothing that looks finished. If several processes need it at once, the first one fills it. The others wait as long as it has
 * a heartbeat. If two fill it at once nevertheless, one of them wins.
 */
export async function cachedFolder (folder: string, fill: (folder: string) => Promise<void>, progress: Progress = () => {}): Promise<string> {
  if (existsSync(folder)) return folder
  const unfinished = join(dirname(folder), `${prefixOf(folder)}${Date.now()}-${randomBytes(4).toString('hex')}`)
  await mkdir(unfinished, { recursive: true, mode: 0o755 })
  const beating = setInterval(() => { utimes(unfinished, new Date(), new Date()).catch(() => {}) }, BEAT_MS)
  try {
    await untilFirst(unfinished, folder, progress)
    if (existsSync(folder)) return folder
    await fill(unfinished)
    await rename(unfinished, folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    })
    return folder
  } finally {
    clearInterval(beating)
    await rm(unfinished, { recursive: true, force: true })
  }
}

function prefixOf (folder: string): string {
  return `.${basename(folder)}-`
}

/** Resolves when the folder is there, or when no living process began before this one. */
async function untilFirst (unfinished: string, folder: string, progress: Progress): Promise<void> {
  for (let round = 0; !existsSync(folder); round++) {
    const siblings = (await readdir(dirname(folder))).filter((name) => name.startsWith(prefixOf(folder)))
    const earlier = siblings.filter((name) => name < basename(unfinished)).map((name) => join(dirname(folder), name))
    const silences = await Promise.all(earlier.map(silenceMs))
    await Promise.all(earlier.filter((_, index) => (silences[index] ?? 0) > ABANDONED_MS).map((path) => rm(path, { recursive: true, force: true })))
    if (!silences.some((silence) => silence < SILENT_MS)) return
    if (round === 0) progress(`${basename(folder)}: another process is making it, waiting`)
    await delay(200)
  }
}

async function silenceMs (path: string): Promise<number> {
  return stat(path).then(({ mtimeMs }) => Date.now() - mtimeMs, () => SILENT_MS)
}
