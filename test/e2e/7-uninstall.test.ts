import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { until } from '@orders/testing/framework'
import t from 'tap'
import { helm, kubectl, ORDER_API, release } from './cluster.ts'
import { portForward } from './port-forward.ts'

const CHART = process.env.E2E_CHART ?? fileURLToPath(new URL('../../deploy/helm', import.meta.url))
/** Kept on purpose: data, and the passwords without which it is of no use. And the pod of a test, which Helm forgets. */
const KEPT = new RegExp(`^(secret/|persistentvolumeclaim/|cluster\\.postgresql|database\\.postgresql|pod/${release}-test$)`)

t.setTimeout(1_200_000)

t.test('uninstalled, nothing is left or stuck but the data; installed again, it goes on with that', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'orders-e2e-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const values = join(folder, 'values.yaml')
  await writeFile(values, await helm('get', 'values', release, '--output', 'yaml'))

  const place = await portForward(t, ORDER_API)
  const response = await fetch(`${place}/orders`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"customerId":"e2e"}' })
  const { id } = await response.json() as { id: string }

  // Helm forgets the objects of a failed upgrade.
  await t.rejects(helm('upgrade', release, CHART, '--values', values, '--set-string', `orderApi.podAnnotations.failed-at=${Date.now()}`, '--wait', '--timeout', '1s'),
    'an upgrade that has no time fails')
  await helm('uninstall', release, '--wait', '--timeout', '5m')
  let reinstalled = false
  const install = async () => {
    await helm('install', release, CHART, '--values', values, '--wait', '--timeout', '15m')
    reinstalled = true
  }
  t.teardown(async () => { if (!reinstalled) await install() })
  const kinds = (await kubectl('api-resources', '--verbs=list', '--namespaced', '-o', 'name')).split('\n').filter((kind) => kind !== '' && !/^(events|endpointslices|pods\.metrics)/.test(kind))
  await until(async () => {
    const left = (await kubectl('get', kinds.join(','), '-l', `app.kubernetes.io/instance=${release}`, '-o', 'name', '--ignore-not-found')).split('\n')
      .filter((name) => name !== '' && !KEPT.test(name))
    if (left.length > 0) throw new Error(left.join(' '))
    return true
  }, { what: 'nothing of the release to be left', deadlineMs: 180_000 })

  await install()
  const api = await portForward(t, ORDER_API)
  const found = await fetch(`${api}/orders/${id}`)
  t.equal(found.status, 200, 'the order from before')
  t.match(await helm('test', release, '--timeout', '5m'), /Succeeded/)
})
