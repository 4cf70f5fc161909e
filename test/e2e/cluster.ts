import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { until } from '@orders/local-stack/harness'

const run = promisify(execFile)

const { KUBECTL = 'kubectl', HELM = 'helm', KUBE_CONTEXT, NAMESPACE = 'default', RELEASE = 'orders' } = process.env

export const namespace = NAMESPACE
export const release = RELEASE

export const RELAY = `${RELEASE}-outbox-relay`
export const ORDER_API = `${RELEASE}-order-api`
export const ORDER_CONSUMER = `${RELEASE}-order-consumer`
export const LEASE = `${RELAY}-0`

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

/** Applies an object that was read before, as whoever wrote it wants to have it again. */
export async function createObject (object: { apiVersion: string, kind: string, metadata: Record<string, unknown>, spec?: unknown }): Promise<void> {
  const { apiVersion, kind, metadata: { name, labels, annotations }, spec } = object
  const child = run(KUBECTL, [...kubectlOptions(), 'create', '-f', '-'])
  child.child.stdin?.end(JSON.stringify({ apiVersion, kind, metadata: { name, labels, annotations }, ...spec === undefined ? {} : { spec } }))
  await child
}

/** Waits until every replica of a deployment is there, new and ready. */
export async function rolledOut (deployment: string): Promise<void> {
  await kubectl('rollout', 'status', `deployment/${deployment}`, '--timeout=300s')
}

/** The process that holds the Lease, and its pod. */
export async function leader (): Promise<{ holder: string, pod: string }> {
  return until(async () => {
    const { spec } = await getObject<{ spec?: { holderIdentity?: string } }>('lease', LEASE)
    const holder = spec?.holderIdentity ?? ''
    // The pod, a random part of the process, and one of the elector.
    const [, pod] = /^(.+)-[0-9a-f]+_/.exec(holder) ?? []
    return pod === undefined ? undefined : { holder, pod }
  }, { what: `a holder of Lease ${LEASE}`, deadlineMs: 60_000 })
}

export async function anotherLeader (than: string): Promise<{ holder: string, pod: string }> {
  return until(async () => {
    const now = await leader()
    return now.holder === than ? undefined : now
  }, { what: `another holder than ${than}`, deadlineMs: 60_000 })
}
