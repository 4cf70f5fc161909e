import { randomBytes } from 'node:crypto'
import type { TestContext } from '@orders/testing/framework'
import type { ApiServer } from './api-server.ts'

/** A namespace that enforces Pod Security `restricted`, and warns of pods that break it. */
export async function testNamespace (t: TestContext, server: ApiServer): Promise<string> {
  const name = `chart-${randomBytes(4).toString('hex')}`
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted', 'pod-security.kubernetes.io/warn': 'restricted' }
  const { status } = await server.request('POST', '/api/v1/namespaces', JSON.stringify({ metadata: { name, labels } }))
  if (status !== 201) throw new Error(`expected namespace ${name} to be created, found ${status}`)
  t.teardown(async () => {
    await server.request('DELETE', `/api/v1/namespaces/${name}`)
    // No controller runs here that would end the deletion.
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: { finalizers: [] } }
    await server.request('PUT', `/api/v1/namespaces/${name}/finalize`, JSON.stringify(namespace))
  })
  return name
}
