import { ProcessSession, untilProcessEnds } from '@orders/leader-election/postgres'
import { TcpProxy, testPostgres, until } from '@orders/local-stack/harness'
import t from 'tap'

const settled = (promise: Promise<unknown>) => {
  let done = false
  promise.then(() => { done = true }, () => { done = true })
  return () => done
}

t.test('who waits for the end of a process stops at once when told to, also while it connects', async (t) => {
  const { url } = await testPostgres(t)
  const { host } = new URL(url)
  const link = await TcpProxy.start(host)
  t.teardown(() => link.close())
  const stop = new AbortController()
  t.teardown(() => { stop.abort() })
  const group = `group-${process.pid}`
  const session = await ProcessSession.open({ connection: { connectionString: url }, group, process: 'leader' }, stop.signal)
  t.teardown(() => session.close())

  let connecting = false
  const told = new AbortController()
  link.filter((_chunk, direction) => {
    // The server has answered, and we have not heard it yet.
    if (direction === 'toClient' && !connecting) {
      connecting = true
      told.abort()
    }
    return 'forward'
  })
  const through = Object.assign(new URL(url), { host: link.address }).href
  const waiting = untilProcessEnds({ connectionString: through }, group, 'leader', told.signal)
  const isSettled = settled(waiting)
  await until(isSettled, { what: 'the wait to end', deadlineMs: 10_000 })
  t.equal(await waiting, false, 'the process has not ended')
})

t.test('the end of a process is noticed', async (t) => {
  const { url } = await testPostgres(t)
  const stop = new AbortController()
  const group = `ending-${process.pid}`
  const session = await ProcessSession.open({ connection: { connectionString: url }, group, process: 'leader' }, stop.signal)
  const waiting = untilProcessEnds({ connectionString: url }, group, 'leader', stop.signal)
  const isSettled = settled(waiting)
  t.notOk(isSettled())
  await session.close()
  t.equal(await waiting, true)
})

t.test('a session that is not wanted any more before it begins does not hold its process up', async (t) => {
  const session = await ProcessSession.open({
    connection: { connectionString: 'postgres://nobody@127.0.0.1:1/none' }, group: 'g', process: 'p'
  }, AbortSignal.abort())
  await session.close()
  t.pass('it was given up')
})
