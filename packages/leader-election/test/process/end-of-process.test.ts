// Nothing of an elector that has stopped keeps its process alive: no timer, no connection, no watch.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { testKubernetes } from '@orders/testing/framework'
import t, { type Test } from 'tap'
import { LeaseObjects } from '../kubernetes/lease-objects.ts'
import { LeaseTable } from '../postgres/lease-table.ts'

const PROGRAM = fileURLToPath(new URL('./one-term.ts', import.meta.url))
/** A timer of the elector would keep the process alive for minutes, one of a connection for at least five seconds. */
const PATIENCE_MS = 4_000

async function endsByItself (t: Test, env: Record<string, string>): Promise<void> {
  const child = spawn(process.execPath, ['--conditions=@orders/source', '--unhandled-rejections=strict', PROGRAM], {
    env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(() => { child.kill('SIGKILL') })
  const ended = once(child, 'exit').then(([code]) => code as number | null)
  await once(child.stdout, 'data')
  const late = new Promise((resolve) => { setTimeout(resolve, PATIENCE_MS, 'still there').unref() })
  t.equal(await Promise.race([ended, late]), 0)
}

t.test('with the Postgres store', async (t) => {
  const table = await LeaseTable.create(t)
  await endsByItself(t, { KIND: 'postgres', NAME: 'one-term', URL: table.url })
})

t.test('with the Kubernetes store', async (t) => {
  const { kubeconfig } = await testKubernetes(t)
  const objects = await LeaseObjects.create(t, { kubeconfig })
  await endsByItself(t, { KIND: 'kubernetes', NAME: objects.name(), KUBECONFIG: kubeconfig, URL: 'postgres://nobody@127.0.0.1/none' })
})
