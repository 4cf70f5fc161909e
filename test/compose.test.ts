import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadYaml } from '@kubernetes/client-node'
import t from 'tap'

interface ComposeService {
  image: string
  build?: { dockerfile: string, target: string }
  command?: string[]
  environment?: Record<string, string>
  depends_on?: Record<string, { condition: string }>
}

const read = (path: string) => readFile(join(import.meta.dirname, '..', path), 'utf8')
const { services } = loadYaml<{ services: Record<string, ComposeService> }>(await read('docker-compose.yml'))
const ours = Object.entries(services).filter(([, { build }]) => build !== undefined)

t.test('docker-compose.yml gives our programs settings that exist, and builds targets that exist', async (t) => {
  const settings = new Set([...(await read('docs/settings.md')).matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, name]) => name))
  t.ok(settings.size > 30)
  t.same(ours.map(([name]) => name), ['migrate-orders', 'migrate-order-views', 'order-api', 'outbox-relay', 'order-consumer'])
  for (const [name, { build, environment = {} }] of ours) {
    t.same(Object.keys(environment).filter((variable) => !settings.has(variable)), [], name)
    t.match(await read(build?.dockerfile ?? ''), new RegExp(` AS ${build?.target ?? ''}$`, 'm'), name)
  }
})

t.test('the services wait for their migrations, and no dependency is missing', async (t) => {
  for (const [name, { depends_on: needed = {} }] of Object.entries(services)) {
    for (const other of Object.keys(needed)) t.ok(other in services, `${name} needs ${other}`)
  }
  for (const name of ['order-api', 'outbox-relay', 'order-consumer']) {
    const [first] = Object.entries(services[name]?.depends_on ?? {})
    t.match(first, [/^migrate-/, { condition: 'service_completed_successfully' }], name)
  }
})
