import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { MissingToolError } from './errors.ts'
import { builtOnce } from './go-build.ts'
import type { Progress } from './progress.ts'

const VERSION = 'v1.34.4'
/** For the error: the purpose of the binaries, and the variable to set instead. */
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
  const version = `-X k8s.io/component-base/version.gitVersion=${VERSION} -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=34`
  return builtOnce(`kubernetes-${VERSION}`, [
    { name: 'etcd', ldflags: '-s -w', howLong: 'about 1 minute on two cores' },
    { name: 'kube-apiserver', ldflags: `-s -w ${version}`, howLong: 'about 5 minutes on two cores' }
  ], NEEDED_FOR, progress)
}
