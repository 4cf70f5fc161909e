import { readdir, readFile } from 'node:fs/promises'
import { until } from '@orders/testing/framework'
import type { ApiServer } from './api-server.ts'
import { splitManifests } from './manifests.ts'

const CRDS = new URL('strimzi-crds/', import.meta.url)

/** Gives the API server Strimzi's kinds. They stay: another test file may use them at the same time. */
export async function installStrimziCrds (server: ApiServer): Promise<void> {
  const files = (await readdir(CRDS)).filter((file) => file.endsWith('.yaml'))
  const manifests = (await Promise.all(files.map((file) => readFile(new URL(file, CRDS), 'utf8')))).flatMap(splitManifests)
  for (const { text, object } of manifests) {
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${object.metadata.name}`
    if ((await server.request('GET', path)).status === 200) continue
    const { status, body } = await server.apply(text, object, { dryRun: false })
    if (status !== 201 && status !== 200) throw new Error(`expected ${object.metadata.name} to be created, found ${status} ${body.message ?? ''}`)
  }
  for (const kind of ['Kafka', 'KafkaNodePool', 'KafkaTopic', 'KafkaUser']) {
    await until(() => server.pathOf({ apiVersion: 'kafka.strimzi.io/v1', kind, metadata: { name: 'any' } }), { what: `the API server to serve ${kind}` })
  }
}
