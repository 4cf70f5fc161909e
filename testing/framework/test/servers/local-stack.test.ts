import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startLocalStack } from '../../../servers/index.ts'
import { until } from '../../index.ts'
import t from 'tap'
import { dataFolders, isListening, openFolder, startOwner, type Servers } from './fixtures/own-process.ts'

async function urlsOf ({ postgres, kafka, kubernetes }: Servers): Promise<string[]> {
  const { clusters } = JSON.parse(await readFile(String(kubernetes?.kubeconfig), 'utf8')) as { clusters: Array<{ cluster: { server: string } }> }
  return [String(postgres?.url), `kafka://${kafka?.brokers}`, String(clusters[0]?.cluster.server)]
}

t.test('all three start together, and when their owner is killed nothing stays', async (t) => {
  const folder = await openFolder(t)
  const { process: owner, result } = startOwner(t, { postgres: true, kafka: true, kubernetes: true }, { TMPDIR: folder })
  const servers = await result
  t.match(servers, { postgres: { external: false }, kafka: { external: false }, kubernetes: { external: false } })
  const urls = await urlsOf(servers)
  t.equal(new Set(urls.map((url) => new URL(url).port)).size, 3, 'each on a port of its own')
  for (const url of urls) t.ok(await isListening(url), url)
  t.equal((await dataFolders(folder)).length, 3)

  owner.kill('SIGKILL')
  for (const url of urls) await until(async () => !await isListening(url), { what: `no listener at ${url}` })
  await until(async () => (await dataFolders(folder)).length === 0, { what: 'the data to be removed' })
})

t.test('closing stops and removes everything, except data that is to be kept, also when the owner is killed', async (t) => {
  for (const end of ['close', 'kill'] as const) {
    const folder = await openFolder(t)
    const { process: owner, result } = startOwner(t, { postgres: true, keep: end === 'kill' }, { TMPDIR: folder })
    const url = String((await result).postgres?.url)
    if (end === 'close') {
      owner.stdin?.write('close\n')
      await once(owner, 'exit')
      t.notOk(await isListening(url))
      t.same(await dataFolders(folder), [])
    } else {
      owner.kill('SIGKILL')
      await until(async () => !await isListening(url), { what: 'no listener' })
      const [kept = ''] = await dataFolders(folder)
      t.equal((await readFile(join(folder, kept, 'data/PG_VERSION'), 'utf8')).trim(), '18')
    }
  }
})

t.test('when one cannot start, those that can are stopped again', async (t) => {
  const folder = await openFolder(t)
  const { process: owner, result } = startOwner(t, { postgres: true, kafka: true }, { TMPDIR: folder, PATH: folder })
  const exited = once(owner, 'exit')
  t.match(await result, { code: 'LOCAL_STACK_MISSING_TOOL', message: /Java/ })
  await exited
  t.same(await dataFolders(folder), [])
})

t.test('servers that exist are used, and not closed', async (t) => {
  const before = { ...process.env }
  t.teardown(() => { process.env = before })
  Object.assign(process.env, { DATABASE_URL: 'postgres://there/db', KAFKA_BROKERS: 'there:9092', LOCAL_STACK_KUBECONFIG: '/there' })
  const stack = await startLocalStack({ postgres: true, kafka: true, kubernetes: true })
  await stack.close()
  t.match(stack, {
    postgres: { url: 'postgres://there/db', external: true },
    kafka: { brokers: 'there:9092', external: true },
    kubernetes: { kubeconfig: '/there', external: true }
  })
  t.match(await startLocalStack({}), { postgres: undefined, kafka: undefined, kubernetes: undefined }, 'and no other server is started')
})
