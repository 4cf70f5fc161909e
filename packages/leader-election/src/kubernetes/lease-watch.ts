import { setTimeout as delay } from 'node:timers/promises'
import { Watch, type KubeConfig, type V1Lease } from '@kubernetes/client-node'
import type { LeaseObserver } from '../store.ts'
import { toWatchError } from './api-errors.ts'
import { recordOf } from './lease-object.ts'

const MIN_PAUSE_MS = 100
const MAX_PAUSE_MS = 10_000

export interface LeaseWatchOptions {
  namespace: string
  name: string
  /** A stream without an event for this long counts as dead. A leader renews far more often. */
  idleMs: number
  /** The current configuration. */
  config: () => KubeConfig
}

/**
 * Watches one Lease until `signal` is aborted. Each stream begins with the state of the Lease, so no change between two streams is
 * missed, and no resource version is carried over that could be too old (410).
 */
export async function watchLease (options: LeaseWatchOptions, observer: LeaseObserver, signal: AbortSignal): Promise<void> {
  for (let failures = 0; !signal.aborted;) {
    try {
      await streamOnce(options, observer, signal)
      failures = 0
    } catch (error) {
      if (!signal.aborted) observer.onError(toWatchError(error, `Lease ${options.namespace}/${options.name}`))
      failures++
    }
    const ceilingMs = failures === 0 ? MIN_PAUSE_MS : Math.min(MAX_PAUSE_MS, MIN_PAUSE_MS * 2 ** failures)
    await delay(ceilingMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {})
  }
}

/** Resolves when the server ends the stream, or after `idleMs` without an event. */
async function streamOnce ({ namespace, name, idleMs, config }: LeaseWatchOptions, observer: LeaseObserver, signal: AbortSignal): Promise<void> {
  const { promise: ended, resolve, reject } = Promise.withResolvers<undefined>()
  const end = () => { resolve(undefined) }
  const idle = setTimeout(end, idleMs)
  signal.addEventListener('abort', end)
  const stream = new Watch(config()).watch(
    `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/leases`,
    // An RBAC rule for one named Lease requires the field selector too.
    { fieldSelector: `metadata.name=${name}`, timeoutSeconds: Math.ceil(idleMs / 1_000) * 10 },
    (type: string, object: unknown) => {
      idle.refresh()
      switch (type) {
        case 'ADDED':
        case 'MODIFIED':
          observer.onHint(recordOf(object as V1Lease).record)
          break
        case 'DELETED':
          observer.onHint()
          break
        case 'ERROR':
          reject(new Error((object as { message?: string }).message ?? 'the API server ended it without a reason'))
      }
    },
    (error: unknown) => { error === null || error === undefined ? end() : reject(error as Error) }
  )
  stream.catch(reject)
  try {
    await ended
  } finally {
    clearTimeout(idle)
    signal.removeEventListener('abort', end)
    // Not awaited: while the stream connects, it cannot be aborted.
    void stream.then((controller) => { controller.abort() }, () => {})
  }
}
