import { createHash } from 'node:crypto'
import { cp, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheDirectory, cachedFolder } from './cache.ts'
import { MissingToolError } from './errors.ts'
import { withProgress, type Progress } from './progress.ts'
import { runCommand } from './run-command.ts'

const MODULES = fileURLToPath(new URL('./go/', import.meta.url))
/** Of etcd's module. Since 1.21, Go downloads a newer version of itself if a module requires it. */
const GO = '1.26'
const OLDEST_GO = { major: 1, minor: 21 }

export interface GoProgram {
  /** Of its folder, and of the binary. */
  name: string
  ldflags: string
  howLong: string
  /** The package to build, if it is not the folder's own. */
  main?: string
}

/** What the programs are for, the variable to set instead of building, and what that points to (a server, if not given). */
export type NeededFor = readonly [purpose: string, variable: string, existing?: string]

/** A folder with the programs, built once for each state of their modules, and kept. @throws MissingToolError */
export async function builtOnce (label: string, programs: readonly GoProgram[], neededFor: NeededFor, progress: Progress): Promise<string> {
  const hash = createHash('sha256')
  for (const { name } of programs) {
    for (const file of (await readdir(join(MODULES, name))).sort()) {
      if (/\.(go|sum)$/.test(file)) hash.update(await readFile(join(MODULES, name, file)))
    }
  }
  return cachedFolder(join(cacheDirectory(), `${label}-${hash.digest('hex').slice(0, 8)}`), async (folder) => {
    await requireGo(neededFor)
    for (const program of programs) await build(program, folder, progress)
  }, progress)
}

async function requireGo (neededFor: NeededFor): Promise<void> {
  const needed = (found: string) => new MissingToolError('Go', `${GO} or newer (go on the PATH)`, found, ...neededFor)
  const output = await runCommand('go', ['version']).catch(() => { throw needed('none') })
  const [, version, major, minor] = /go((\d+)\.(\d+)\S*)/.exec(output) ?? []
  if (Number(major) < OLDEST_GO.major || (Number(major) === OLDEST_GO.major && Number(minor) < OLDEST_GO.minor)) throw needed(String(version))
}

async function build ({ name, ldflags, howLong, main = '.' }: GoProgram, folder: string, progress: Progress): Promise<void> {
  // Built in a copy: Go may want to write to go.mod, and the checkout may be read-only.
  const workshop = join(folder, `${name}.build`)
  await mkdir(join(workshop, 'tmp'), { recursive: true })
  await cp(join(MODULES, name), join(workshop, 'source'), { recursive: true })
  await withProgress(progress, `${name}: building it with Go, once (${howLong})`, () => 'compiling', async () => {
    await runCommand('go', ['build', '-trimpath', '-ldflags', ldflags, '-o', join(folder, name), main], {
      cwd: join(workshop, 'source'), env: { ...process.env, GOTMPDIR: join(workshop, 'tmp') }, removeWithParent: folder
    })
  })
  await rm(workshop, { recursive: true })
}
