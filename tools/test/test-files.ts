import { globSync } from 'node:fs'

/** The same as `include` and `exclude` of .taprc. */
const TESTS = ['packages/*/test/**/*.test.ts', 'services/*/test/**/*.test.ts', 'testing/**/test/**/*.test.ts', 'demo/test/**/*.test.ts', 'bench/test/**/*.test.ts', 'tools/**/test/**/*.test.ts', 'test/**/*.test.ts']
const NOT_TESTS = /^test\/e2e\//

/** Files that need a Kubernetes API server or helm, each the start of a path. Any other test that needs one fails at once, see tools/test/run.ts. */
export const WITH_KUBERNETES = [
  'packages/leader-election/test/kubernetes/',
  'packages/leader-election/test/process/',
  'testing/framework/test/servers/local-stack.test.ts',
  'testing/framework/test/servers/missing-tools.test.ts',
  'services/outbox-relay/test/kubernetes-lease.test.ts',
  'test/chart/',
  'testing/chaos/test/chaos.test.ts'
]

/** All test files, from the root of the checkout. */
export function testFiles (): string[] {
  return globSync(TESTS).filter((file) => !NOT_TESTS.test(file)).sort()
}

/** The same files as they are run: first those that need neither API server nor helm, both of which may have to be built. */
export function inTwoParts (files: readonly string[]): { first: string[], withKubernetes: string[] } {
  const needsKubernetes = (file: string) => WITH_KUBERNETES.some((beginning) => file.startsWith(beginning))
  return { first: files.filter((file) => !needsKubernetes(file)), withKubernetes: files.filter(needsKubernetes) }
}
