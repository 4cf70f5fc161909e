// The session that shows that a process is alive, and how fast its end is noticed.
import { randomBytes } from 'node:crypto'
import { countProcesses, ProcessSession, untilProcessEnds } from '@orders/leader-election/postgres'
import { TcpProxy, until } from '@orders/testing/framework'
import t, { type Test } from 'tap'
import { LeaseTable } from './lease-table.ts'

const table = await LeaseTable.create(t)
const connection = { connectionString: table.url }
const never = new AbortController().signal
const group = () => randomBytes(5).toString('hex')

async function proxied (t: Test): Promise<{ proxy: TcpProxy, connection: { connectionString: string } }> {
  const url = new URL(table.url)
  const proxy = await TcpProxy.start(url.host)
  t.teardown(() => proxy.close())
  url.host = proxy.address
  return { proxy, connection: { connectionString: url.href } }
}

/** Shorter than any timeout of the session. */
function promptly<T> (work: Promise<T>): Promise<T | 'hung'> {
  return Promise.race([work, new Promise<'hung'>((resolve) => { setTimeout(resolve, 3_000, 'hung').unref() })])
}

t.test('a process is counted while its session lasts, and a waiting process is told of its end', async (t) => {
  const name = group()
  const session = await ProcessSession.open({ connection, group: name, processName: 'one' }, never)
  t.equal(await countProcesses(table.pool, name), 1)
  const ended = untilProcessEnds(connection, name, 'one', never)
  t.equal(await Promise.race([ended, until(async () => (
    await table.pool.query("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
  ).rowCount === 1, { what: 'a waiting session' }).then(() => 'waiting')]), 'waiting')
  await session.close()
  t.equal(await ended, true)
  t.equal(await countProcesses(table.pool, name), 0)
})

t.test('a process that has no session has ended', async (t) => {
  t.equal(await untilProcessEnds(connection, group(), 'nobody', never), true)
})

t.test('an aborted wait ends at once', async (t) => {
  const name = group()
  const session = await ProcessSession.open({ connection, group: name, processName: 'one' }, never)
  t.teardown(() => session.close())
  const stop = new AbortController()
  const waiting = untilProcessEnds(connection, name, 'one', stop.signal)
  stop.abort()
  t.equal(await promptly(waiting), false)
})

t.test('a lost session is opened again', async (t) => {
  const { proxy, connection } = await proxied(t)
  const name = group()
  const errors: Error[] = []
  const session = await ProcessSession.open({ connection, group: name, processName: 'one', onError: (error) => { errors.push(error) } }, never)
  t.teardown(() => session.close())
  proxy.cut()
  await until(async () => await countProcesses(table.pool, name) === 0, { what: 'the session to end' })
  await until(() => errors.length > 0, { what: 'its process to notice' })
  proxy.heal()
  await until(async () => await countProcesses(table.pool, name) === 1, { what: 'the session again' })
})

t.test('closing does not wait for a server that does not answer', async (t) => {
  const { proxy, connection } = await proxied(t)
  const name = group()
  const session = await ProcessSession.open({ connection, group: name, processName: 'one' }, never)
  proxy.hang()
  t.equal(await promptly(session.close().then(() => 'closed')), 'closed')
  const stop = new AbortController()
  const waiting = untilProcessEnds(connection, name, 'one', stop.signal)
  stop.abort()
  t.equal(await promptly(waiting), false, 'also while it connects')
})

t.test('aborted before the server answers, it does not begin to wait', async (t) => {
  const { proxy, connection: through } = await proxied(t)
  const name = group()
  const session = await ProcessSession.open({ connection, group: name, processName: 'leader' }, never)
  t.teardown(() => session.close())
  const told = new AbortController()
  proxy.filter((_chunk, direction) => {
    // The server has answered, and the answer has not arrived yet.
    if (direction === 'toClient') told.abort()
    return 'forward'
  })
  t.equal(await promptly(untilProcessEnds(through, name, 'leader', told.signal)), false, 'the process has not ended')
})

t.test('a session that is aborted before it begins does not delay its process', async (t) => {
  const session = await ProcessSession.open({
    connection: { connectionString: 'postgres://nobody@127.0.0.1:1/none' }, group: 'g', processName: 'p'
  }, AbortSignal.abort())
  t.equal(await promptly(session.close().then(() => 'closed')), 'closed')
})
