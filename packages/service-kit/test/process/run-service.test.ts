import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { until } from '@orders/testing/framework'
import t, { type Test } from 'tap'

const FIXTURE = fileURLToPath(new URL('./fixtures/service.ts', import.meta.url))

function start (t: Test, env: Record<string, string>) {
  const child = spawn(process.execPath, ['--conditions=@orders/source', FIXTURE], { env: { PATH: process.env.PATH, ...env } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => { output += String(chunk) })
  t.teardown(() => child.kill('SIGKILL'))
  const exited = once(child, 'close').then(([code]) => code as number | null)
  return {
    exited,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    output: () => output,
    said: (text: string) => until(() => output.includes(text), { what: `the service to say ${text}` })
  }
}

t.test('SIGTERM: the steps in reverse order, exit code 0', async (t) => {
  const service = start(t, {})
  await service.said('listening')
  service.kill('SIGTERM')
  t.equal(await service.exited, 0)
  t.match(service.output(), /draining[^]*step second[^]*step first[^]*stopped/)
})

t.test('after a failed step the other steps still run', async (t) => {
  const service = start(t, { SERVICE_MODE: 'broken-step' })
  await service.said('listening')
  service.kill('SIGINT')
  t.equal(await service.exited, 0)
  t.match(service.output(), /this step is broken[^]*step first/)
})

t.test('after the deadline: exit code 1', async (t) => {
  const service = start(t, { SERVICE_MODE: 'hang', SHUTDOWN_DEADLINE_MS: '200' })
  await service.said('listening')
  service.kill('SIGTERM')
  t.equal(await service.exited, 1)
  t.match(service.output(), /"step":"second"[^\n]*SHUTDOWN_DEADLINE_MS/, 'and the log names the step')
})

t.test('SIGTERM during the start: every started part is stopped once, exit code 0', async (t) => {
  const service = start(t, { SERVICE_MODE: 'slow-start' })
  await service.said('still starting')
  service.kill('SIGTERM')
  t.equal(await service.exited, 0)
  t.match(service.output(), /step late[^]*step second[^]*step first[^]*stopped/)
  t.equal(service.output().split('step second').length - 1, 1)
})

t.test('a second signal ends the process at once', async (t) => {
  const service = start(t, { SERVICE_MODE: 'hang' })
  await service.said('listening')
  service.kill('SIGTERM')
  await service.said('step second')
  service.kill('SIGTERM')
  t.equal(await service.exited, 1)
})

for (const [mode, text] of [['start-fails', 'no start'], ['fail', 'it is over'], ['unhandled', 'not awaited']] as const) {
  t.test(`${mode}: logged, the steps, exit code 1`, async (t) => {
    const service = start(t, { SERVICE_MODE: mode })
    t.equal(await service.exited, 1)
    t.match(service.output(), new RegExp(`${text}[^]*step first`))
  })
}

t.test('invalid settings: every problem is named, exit code 1', async (t) => {
  const service = start(t, { SERVICE_MOD: 'x', LOG_LEVEL: 'loud', SHUTDOWN_DEADLINE_MS: 'soon' })
  t.equal(await service.exited, 1)
  t.match(service.output(), /SERVICE_MOD: there is no such setting, did you mean SERVICE_MODE\?/)
  t.match(service.output(), /LOG_LEVEL: must be one of/)
  t.match(service.output(), /SHUTDOWN_DEADLINE_MS: expected a number, found "soon"/)
})
