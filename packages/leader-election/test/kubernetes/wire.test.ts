// The requests, as the API server sees them.
import t from 'tap'
import { RunningElector, STEADY_TIMINGS } from '../conformance/running-elector.ts'
import { ApiProxy } from './api-proxy.ts'
import { LeaseObjects } from './lease-objects.ts'

interface SentLease {
  metadata: Record<string, unknown>
  spec: Record<string, unknown>
}

const objects = await LeaseObjects.create(t)

t.test('renewals are small, precise and conditional, and keep fields that are not theirs', async (t) => {
  const proxy = await ApiProxy.start(objects.cluster)
  t.teardown(() => proxy.close())
  const name = objects.name()
  const labels = { team: 'orders' }
  const annotations = { 'example.com/note': 'keep me' }
  await objects.create({ metadata: { name, labels, annotations } })
  const leader = new RunningElector(t, objects.store(name, { server: proxy.url }), STEADY_TIMINGS)
  await leader.untilLeading()
  await leader.untilNext('renewed')
  await leader.untilNext('renewed')
  await leader.stop()

  const writes = proxy.requests.filter(({ method }) => method === 'PUT').map(({ body }) => JSON.parse(body) as SentLease)
  t.ok(writes.length >= 4, 'acquired, renewed twice, released')
  const versions = writes.map(({ metadata }) => metadata.resourceVersion)
  t.equal(new Set(versions).size, writes.length, 'against another version each')
  for (const { metadata, spec } of writes) {
    t.match(metadata, { name, labels, annotations, resourceVersion: /^\d+$/ })
    t.notOk('managedFields' in metadata)
    for (const field of ['acquireTime', 'renewTime']) t.match(spec[field], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
  }
  t.same(proxy.requests.map(({ method }) => method).filter((method) => method !== 'GET' && method !== 'PUT'), [])
  t.equal(proxy.requests.filter(({ method, watch }) => method === 'GET' && !watch).length, 1, 'a leader does not read')
  t.ok(proxy.connections <= 3, `connections are used again, found ${proxy.connections} for ${proxy.requests.length} requests`)
  t.match(proxy.requests.find(({ watch }) => watch)?.path, new RegExp(`fieldSelector=metadata.name%3D${name}`), 'as a rule for one named Lease asks for')

  const { metadata, spec } = await objects.read(name)
  t.same([metadata?.labels, metadata?.annotations], [labels, annotations])
  t.match(spec, { holderIdentity: '', leaseDurationSeconds: 1, leaseTransitions: 1 })
})
