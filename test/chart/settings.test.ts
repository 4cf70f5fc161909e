import { readFile } from 'node:fs/promises'
import { rootCertificates } from 'node:tls'
import t from 'tap'
import { goldenFile, valueSets } from '../../tools/generate/chart/value-sets.ts'
import { loadOrderApiConfig } from '../../services/order-api/src/config.ts'
import { loadConsumerConfig } from '../../services/order-consumer/src/config.ts'
import { loadRelayConfig } from '../../services/outbox-relay/src/config.ts'
import { nameOf, splitManifests } from './manifests.ts'

const LOADERS: Record<string, (env: NodeJS.ProcessEnv) => unknown> = {
  'order-api': loadOrderApiConfig, 'outbox-relay': loadRelayConfig, 'order-consumer': loadConsumerConfig
}

/** What the mounted Secrets hold. */
const SECRETS = {
  database: { url: 'postgres://me:secret@server:5432/orders' },
  'database-ca': { 'ca.crt': rootCertificates[0] ?? '' },
  'kafka-ca': { 'ca.crt': rootCertificates[0] ?? '' },
  'kafka-user': { username: 'me', password: 'secret' }
}

t.test('every service takes the settings that the chart gives it, and the files that it mounts are where they say', async (t) => {
  const folder = t.testdir(SECRETS)
  let taken = 0
  for (const set of await valueSets()) {
    const manifests = splitManifests(await readFile(goldenFile(set), 'utf8'))
    for (const manifest of manifests.filter(({ object: { kind } }) => kind === 'ConfigMap')) {
      const [service, load] = Object.entries(LOADERS).find(([service]) => manifest.object.metadata.name.endsWith(service)) ?? []
      if (service === undefined || load === undefined) continue
      const data = manifest.object.data as Record<string, string>
      const deployment = manifests.find((other) => nameOf(other) === `Deployment ${manifest.object.metadata.name}`)?.text ?? ''
      for (const [, mount] of Object.values(data).join('\n').matchAll(/^(\/secrets\/[^/]+)\//gm)) {
        t.match(deployment, `mountPath: ${mount}\n`, `${set} ${service}: ${mount} is mounted`)
      }
      const env = Object.fromEntries(Object.entries(data).map(([name, value]) => [name, value.replace(/^\/secrets/, folder)]))
      t.match(load(env), { DATABASE_URL: new RegExp(`^${SECRETS.database.url}`) }, `${set}: ${service}`)
      taken++
    }
  }
  t.equal(taken, 12, 'three services in four value sets')
})
