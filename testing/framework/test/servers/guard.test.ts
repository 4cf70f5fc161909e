import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { until } from '../../index.ts'
import t from 'tap'
import { ServerProcess } from '../../../servers/server-process.ts'

const OWNER = new URL('fixtures/guarded.ts', import.meta.url).pathname

function isAlive (pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function pidIn (file: string): Promise<number> {
  return until(async () => Number(await readFile(file, 'utf8')) || undefined, { what: `a pid in ${file}` })
}

t.test('a process does not outlive us, nor what it started, also when it does not want to end', async (t) => {
  const folder = t.testdir({ data: {} })
  const script = `
    trap '' TERM
    sleep 1000 & echo "$!" > '${folder}/grandchild'
    echo "$$" > '${folder}/child'
    while :; do sleep 1; done`
  const owner = spawn(process.execPath, ['--conditions=@orders/source', OWNER, join(folder, 'data'), script], { stdio: 'inherit' })
  t.teardown(() => owner.kill('SIGKILL'))
  const pids = [await pidIn(join(folder, 'child')), await pidIn(join(folder, 'grandchild'))]
  t.ok(pids.every(isAlive))
  owner.kill('SIGKILL')
  for (const pid of pids) await until(() => !isAlive(pid), { what: `${pid} to be gone` })
  await until(() => !existsSync(join(folder, 'data')), { what: 'the data to be removed' })
})

t.test('a server that ends by itself keeps its data, and its log says why', async (t) => {
  const folder = t.testdir({})
  await mkdir(join(folder, 'data'))
  const server = await ServerProcess.start({
    name: 'short', command: 'sh', args: ['-c', 'echo last words; exit 3'], logFile: join(folder, 'log'), stopSignal: 'SIGTERM', removeWithParent: join(folder, 'data')
  })
  await server.exited
  t.notOk(server.running)
  t.ok(existsSync(join(folder, 'data')))
  await t.rejects(server.untilReady(async () => { throw new Error('not ready') }, 1_000), { code: 'LOCAL_STACK_SERVER', message: /^short ended while it started[^]*last words/ })
})

t.test('a server that does not end when it is told to is killed', async (t) => {
  const folder = t.testdir({})
  const server = await ServerProcess.start({
    name: 'stubborn', command: 'sh', args: ['-c', 'trap "" TERM; while :; do sleep 1; done'], logFile: join(folder, 'log'), stopSignal: 'SIGTERM', removeWithParent: undefined
  })
  t.teardown(() => { server.kill('SIGKILL') })
  await t.rejects(server.untilReady(async () => { throw new Error('not yet') }, 100), { code: 'LOCAL_STACK_SERVER', message: /stubborn was not ready within 100 ms \(not yet\)/ })
  await server.stop(100)
  t.notOk(isAlive(server.pid))
})

t.test('a command that cannot be started is reported as not found', async (t) => {
  const folder = t.testdir({})
  const server = await ServerProcess.start({
    name: 'absent', command: '/no/such/program', args: [], logFile: join(folder, 'log'), stopSignal: 'SIGTERM', removeWithParent: undefined
  })
  await t.rejects(server.untilReady(async () => { throw new Error('not yet') }, 10_000), { message: /absent ended while it started[^]*not found/ })
})
