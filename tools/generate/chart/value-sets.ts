import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { checkoutUrl } from '@orders/testing/framework/checkout'

export const CHART = checkoutUrl('deploy/helm/')
/** The version that the chart is tested on. helm's own default depends on its build. */
const KUBERNETES = '1.34.4'

const run = promisify(execFile)
const SUFFIX = '-values.yaml'

/** Names of the value sets in `ci/`. */
export async function valueSets (): Promise<string[]> {
  return (await readdir(new URL('ci/', CHART))).filter((file) => file.endsWith(SUFFIX)).map((file) => file.slice(0, -SUFFIX.length)).sort()
}

export function valuesFile (name: string): string {
  return fileURLToPath(new URL(`ci/${name}${SUFFIX}`, CHART))
}

export function goldenFile (name: string): URL {
  return checkoutUrl(`test/chart/golden/${name}.yaml`)
}

/** Runs helm without a cluster. @throws Error with helm's output in `stderr` */
export async function runHelm (helm: string, command: 'lint' | 'template', args: readonly string[], chart = fileURLToPath(CHART), release = 'orders'): Promise<string> {
  const { stdout } = await run(helm, [
    command, ...command === 'template' ? [release, chart] : [chart], '--kube-version', KUBERNETES, ...args
  ], { maxBuffer: 16 * 1_024 * 1_024 })
  return stdout
}

export async function renderChart (helm: string, name: string, namespace: string, ...args: string[]): Promise<string> {
  return runHelm(helm, 'template', ['--namespace', namespace, '--values', valuesFile(name), ...args])
}

/** Deterministic: random values are replaced. */
export async function renderValueSet (helm: string, name: string): Promise<string> {
  return (await renderChart(helm, name, 'orders'))
    .replaceAll(/\b[A-Za-z0-9]{32}(?=@|"?$)/gm, 'RANDOM')
    .replaceAll(/(checksum\/database: )[0-9a-f]{64}/g, '$1RANDOM')
}
