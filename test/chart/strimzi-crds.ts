import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { until, type TestContext } from '@orders/local-stack/harness'
import type { ApiServer } from './api-server.ts'
import { splitManifests } from './manifests.ts'

/** A folder with the CRDs of Strimzi's release; they are too large to keep here. */
export const STRIMZI_CRDS = process.env.STRIMZI_CRDS ?? fileURLToPath(new URL('../../../shared/strimzi-crds', import.meta.url))

/** Gives the API server Strimzi's kinds, until the test ends. `false` where their definitions are not at hand. */
export async function installStrimziCrds (t: TestContext, server: ApiServer): Promise<boolean> {
  if (!existsSync(STRIMZI_CRDS)) return false
  const files = (await readdir(STRIMZI_CRDS)).filter((file) => file.endsWith('.yaml'))
  const manifests = (await Promise.all(files.map((file) => readFile(join(STRIMZI_CRDS, file), 'utf8')))).flatMap(splitManifests)
  for (const { text, object } of manifests) {
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${object.metadata.name}`
    if ((await server.request('GET', path)).status === 200) continue
    const { status, body } = await server.apply(text, object, { dryRun: false })
    if (status !== 201) throw new Error(`expected ${object.metadata.name} to be created, found ${status} ${body.message ?? ''}`)
    t.teardown(() => server.request('DELETE', path))
  }
  for (const kind of ['Kafka', 'KafkaNodePool', 'KafkaTopic', 'KafkaUser']) {
    await until(() => server.pathOf({ apiVersion: 'kafka.strimzi.io/v1', kind, metadata: { name: 'any' } }), { what: `the API server to serve ${kind}` })
  }
  return true
}
