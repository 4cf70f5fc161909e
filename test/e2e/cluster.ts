import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { loadYaml } from '@kubernetes/client-node'
import { until } from '@orders/testing/framework'

const run = promisify(execFile)

const { KUBECTL = 'kubectl', HELM = 'helm', KUBE_CONTEXT, NAMESPACE = 'default', RELEASE = 'orders' } = process.env

export const namespace = NAMESPACE
export const release = RELEASE

export const RELAY = `${RELEASE}-outbox-relay`
export const ORDER_API = `${RELEASE}-order-api`
export const ORDER_CONSUMER = `${RELEASE}-order-consumer`

/** @throws with what kubectl said */
export async function kubectl (...args: string[]): Promise<string> {
  const { stdout } = await run(KUBECTL, [...kubectlOptions(), ...args], { maxBuffer: 64 * 1_024 * 1_024 })
  return stdout
}

export function kubectlOptions (): string[] {
  return [...KUBE_CONTEXT === undefined || KUBE_CONTEXT === '' ? [] : ['--context', KUBE_CONTEXT], '--namespace', NAMESPACE]
}

export async function helm (...args: string[]): Promise<string> {
  const context = KUBE_CONTEXT === undefined || KUBE_CONTEXT === '' ? [] : ['--kube-context', KUBE_CONTEXT]
  const { stdout } = await run(HELM, [...context, '--namespace', NAMESPACE, ...args], { maxBuffer: 64 * 1_024 * 1_024 })
  return stdout
}

export async function getObject<T> (...args: string[]): Promise<T> {
  return JSON.parse(await kubectl('get', '-o', 'json', ...args)) as T
}

/** Creates an object of the tests' own. */
export async function createObject (object: object): Promise<void> {
  await withInput(JSON.stringify(object), 'create', '-f', '-')
}

/**
 * Makes an object of the release again, as Helm made it, with Helm as field manager: the fields of another manager are refused
 * by Helm 4 at the next upgrade.
 */
export async function restoreObject (kind: string, name: string): Promise<void> {
  const manifests = (await helm('get', 'manifest', release)).split(/^---$/m).filter((text) => /^kind:/m.test(text))
  const manifest = manifests.find((text) => {
    const object = loadYaml<{ kind: string, metadata: { name: string } }>(text)
    return object.kind === kind && object.metadata.name === name
  })
  if (manifest === undefined) throw new Error(`expected ${kind} ${name} in the manifest of ${release}, found none`)
  await withInput(manifest, 'apply', '--server-side', '--force-conflicts', '--field-manager=helm', '-f', '-')
  const path = `${kind.toLowerCase()}/${name}`
  await kubectl('annotate', path, '--overwrite', '--field-manager=helm', `meta.helm.sh/release-name=${release}`, `meta.helm.sh/release-namespace=${namespace}`)
}

async function withInput (text: string, ...args: string[]): Promise<void> {
  const child = run(KUBECTL, [...kubectlOptions(), ...args])
  child.child.stdin?.end(text)
  await child
}

/** Waits until every replica of a deployment is there, new and ready. */
export async function rolledOut (deployment: string): Promise<void> {
  await kubectl('rollout', 'status', `deployment/${deployment}`, '--timeout=600s')
}

/** The Lease of the first shard: its name is the relay's, which the release may have from an older chart. */
export async function leaseName (): Promise<string> {
  const { data } = await getObject<{ data: { RELAY_NAME: string } }>('configmap', RELAY)
  return `${data.RELAY_NAME}-0`
}

/** The process that holds the Lease, and its pod. */
export async function leader (): Promise<{ holder: string, pod: string }> {
  const lease = await leaseName()
  return until(async () => {
    const { spec } = await getObject<{ spec?: { holderIdentity?: string } }>('lease', lease)
    const holder = spec?.holderIdentity ?? ''
    // The pod, a random part of the process, and one of the elector.
    const [, pod] = /^(.+)-[0-9a-f]+_/.exec(holder) ?? []
    return pod === undefined ? undefined : { holder, pod }
  }, { what: `a holder of Lease ${lease}`, deadlineMs: 120_000 })
}

export async function anotherLeader (than: string): Promise<{ holder: string, pod: string }> {
  return until(async () => {
    const now = await leader()
    return now.holder === than ? undefined : now
  }, { what: `another holder than ${than}`, deadlineMs: 120_000 })
}
