import { createHash } from 'node:crypto'
import { cp, mkdir, readFile, rm } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheDirectory, cachedFolder } from './cache.ts'
import { MissingToolError } from './errors.ts'
import { withProgress, type Progress } from './progress.ts'
import { runCommand } from './run-command.ts'

const MODULES = fileURLToPath(new URL('../go/', import.meta.url))
const VERSION = 'v1.34.4'
/** Of etcd's module. From 1.21 on, Go fetches a newer one of itself where a module asks for it. */
const GO = '1.26'
const OLDEST_GO = { major: 1, minor: 21 }
/** Which says what the binaries are for, and the variable to set instead. */
const NEEDED_FOR = ['the Kubernetes API server', 'LOCAL_STACK_KUBECONFIG (or KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver)'] as const

export interface KubernetesBinaries {
  etcd: string
  apiServer: string
}

/**
 * etcd and kube-apiserver: those of `KUBEBUILDER_ASSETS` (the convention of envtest) if it is set, else built once from
 * their Go modules and kept.
 */
export async function kubernetesBinaries (progress: Progress): Promise<KubernetesBinaries> {
  const { KUBEBUILDER_ASSETS: assets } = process.env
  const folder = assets === undefined || assets === '' ? await buildBinaries(progress) : assets
  const binaries = { etcd: join(folder, 'etcd'), apiServer: join(folder, 'kube-apiserver') }
  for (const file of Object.values(binaries)) {
    if (!existsSync(file)) throw new MissingToolError(file, 'as KUBEBUILDER_ASSETS promises', 'no such file', ...NEEDED_FOR)
  }
  return binaries
}

async function buildBinaries (progress: Progress): Promise<string> {
  const hash = createHash('sha256')
  for (const file of ['etcd/go.sum', 'etcd/main.go', 'kube-apiserver/go.sum', 'kube-apiserver/main.go']) {
    hash.update(await readFile(join(MODULES, file)))
  }
  return cachedFolder(join(cacheDirectory(), `kubernetes-${VERSION}-${hash.digest('hex').slice(0, 8)}`), async (folder) => {
    await requireGo()
    const version = `-X k8s.io/component-base/version.gitVersion=${VERSION} -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=34`
    await build('etcd', '-s -w', 'about 1 minute on two cores', folder, progress)
    await build('kube-apiserver', `-s -w ${version}`, 'about 5 minutes on two cores', folder, progress)
  }, progress)
}

async function requireGo (): Promise<void> {
  const needed = (found: string) => new MissingToolError('Go', `${GO} or newer (go on the PATH)`, found, ...NEEDED_FOR)
  const output = await runCommand('go', ['version']).catch(() => { throw needed('none') })
  const [, version, major, minor] = /go((\d+)\.(\d+)\S*)/.exec(output) ?? []
  if (Number(major) < OLDEST_GO.major || (Number(major) === OLDEST_GO.major && Number(minor) < OLDEST_GO.minor)) throw needed(String(version))
}

async function build (name: string, ldflags: string, howLong: string, folder: string, progress: Progress): Promise<void> {
  // Built in a copy: Go may want to write to go.mod, and the checkout may be read-only.
  const workshop = join(folder, `${name}.build`)
  await mkdir(join(workshop, 'tmp'), { recursive: true })
  await cp(join(MODULES, name), join(workshop, 'source'), { recursive: true })
  await withProgress(progress, `${name}: building it with Go, once (${howLong})`, () => 'compiling', async () => {
    await runCommand('go', ['build', '-trimpath', '-ldflags', ldflags, '-o', join(folder, name), '.'], {
      cwd: join(workshop, 'source'), env: { ...process.env, GOTMPDIR: join(workshop, 'tmp') }, removeWithParent: folder
    })
  })
  await rm(workshop, { recursive: true })
}
