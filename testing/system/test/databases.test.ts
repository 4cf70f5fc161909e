import { until, withClient, withDatabase, withServerLock } from '@orders/testing/framework'
import { Postgres } from '@orders/testing/servers'
import { createDatabases } from '@orders/testing/system/databases'
import type pg from 'pg'
import t from 'tap'

const ROLE = 'order_api'

async function hasRole (client: pg.Client): Promise<boolean> {
  return (await client.query('SELECT FROM pg_roles WHERE rolname = $1', [ROLE])).rowCount === 1
}

async function isSessionWaiting (client: pg.Client): Promise<boolean> {
  return (await client.query("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = 'advisory'")).rowCount === 1
}

t.test('a system on a server of others drops its roles when it ends, but none that a migration has just found', async (t) => {
  // Not the shared one: here our roles must not be there before.
  const server = await Postgres.start()
  t.teardown(() => server.close())
  const start = async (run: string) => {
    const stack = new AsyncDisposableStack()
    t.teardown(() => stack.disposeAsync())
    await createDatabases({ url: server.url, external: true }, run, stack)
    return stack
  }

  const alone = await start('alone')
  await alone.disposeAsync()
  t.notOk(await withClient(server.url, hasRole), 'nothing else uses the roles')

  const beside = await start('beside')
  const ending = await withServerLock(server.url, async (client) => {
    t.ok(await hasRole(client), 'the migration finds the role, and does not create it')
    const ending = beside.disposeAsync()
    await until(() => isSessionWaiting(client), { what: 'the end of the system to wait for the migration' })
    t.ok(await hasRole(client))
    await client.query('CREATE DATABASE other')
    await withClient(withDatabase(server.url, 'other').href, (other) => other.query(`GRANT USAGE ON SCHEMA public TO ${ROLE}`))
    return { done: ending }
  })
  await ending.done
  t.ok(await withClient(server.url, hasRole), 'it has rights in a database by now')
})
