import { createHash } from 'node:crypto'
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheDirectory, cachedFolder } from './cache.ts'
import { MissingToolError } from './errors.ts'
import { withProgress, type Progress } from './progress.ts'
import { runCommand } from './run-command.ts'

const MODULES = fileURLToPath(new URL('../go/', import.meta.url))
const VERSION = 'v1.34.4'
const GO = '1.24'

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
  const folder = assets ?? await buildBinaries(progress)
  const binaries = { etcd: join(folder, 'etcd'), apiServer: join(folder, 'kube-apiserver') }
  for (const file of Object.values(binaries)) {
    if (!existsSync(file)) throw new Error(`KUBEBUILDER_ASSETS: expected ${file}, found no such file`)
  }
  return binaries
}

async function buildBinaries (progress: Progress): Promise<string> {
  const hash = createHash('sha256')
  for (const file of ['etcd/go.sum', 'etcd/main.go', 'kube-apiserver/go.sum', 'kube-apiserver/main.go']) {
    hash.update(await readFile(join(MODULES, file)))
  }
  return cachedFolder(join(cacheDirectory(), `kubernetes-${VERSION}-${hash.digest('hex').slice(0, 8)}`), async (folder) => {
    await runCommand('go', ['version']).catch(() => {
      throw new MissingToolError('Go', `${GO} or newer (go on the PATH)`, 'none', 'the Kubernetes API server', 'LOCAL_STACK_KUBECONFIG (or KUBEBUILDER_ASSETS)')
    })
    const version = `-X k8s.io/component-base/version.gitVersion=${VERSION} -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=34`
    await build('etcd', '-s -w', 'about 1 minute on two cores', folder, progress)
    await build('kube-apiserver', `-s -w ${version}`, 'about 5 minutes on two cores', folder, progress)
  })
}

async function build (name: string, ldflags: string, howLong: string, folder: string, progress: Progress): Promise<void> {
  // Built in a copy: Go may want to write to go.mod, and the checkout may be read-only.
  const source = await mkdtemp(join(tmpdir(), `orders-${name}-`))
  try {
    await cp(join(MODULES, name), source, { recursive: true })
    await withProgress(progress, `${name}: building it with Go, once (${howLong})`, () => 'compiling', async () => {
      await runCommand('go', ['build', '-trimpath', '-ldflags', ldflags, '-o', join(folder, name), '.'], { cwd: source })
    })
  } finally {
    await rm(source, { recursive: true, force: true })
  }
}
