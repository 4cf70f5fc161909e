import { ROLES, testDatabase, testPostgres, type DatabaseOwner, type TestDatabase } from '@orders/testing/framework'
import pg from 'pg'
import t, { type Test } from 'tap'

type Columns = readonly string[] | 'all'

interface Rights {
  select?: Columns
  insert?: Columns
  update?: Columns
  delete?: true
}

/** The rights of each role on each table. Everything else must be refused. */
const RIGHTS: Record<DatabaseOwner, Record<string, Record<string, Rights>>> = {
  'order-api': {
    orders: {
      order_api: { select: 'all', insert: ['id', 'customer_id'], update: ['status', 'version', 'updated_at'] }
    },
    idempotency_keys: {
      order_api: { select: 'all', insert: ['key', 'request_hash', 'status_code', 'response'], delete: true }
    },
    outbox_events: {
      order_api: { insert: ['event_id', 'aggregate_type', 'aggregate_id', 'aggregate_version', 'event_type', 'payload', 'headers'] },
      outbox_relay: { select: 'all', delete: true },
      outbox_operator: { select: 'all', insert: 'all' }
    },
    outbox_dead_letters: {
      outbox_relay: { select: 'all', insert: 'all', update: ['reason', 'blocking', 'failed_at', 'replayed_at'], delete: true },
      outbox_operator: { select: 'all', update: ['replayed_at'], delete: true }
    },
    relay_shard: {
      outbox_relay: {
        select: 'all',
        update: ['epoch', 'holder', 'batch', 'claimed_ids', 'taken_at', 'revision', 'token', 'token_before', 'claimed_events', 'layout']
      }
    },
    relay_layout: {
      outbox_relay: {
        select: 'all',
        insert: ['relay_name', 'shards', 'position_topic', 'delivery'],
        update: ['layout', 'relay_name', 'shards', 'position_topic', 'delivery', 'changing_until', 'written_at']
      }
    },
    outbox_scan: {
      outbox_relay: { select: 'all', update: ['shards', 'bound', 'stamp'] }
    },
    leader_lease: {
      outbox_relay: { select: 'all', insert: 'all', update: 'all' }
    },
    idempotency_lock_seed: {
      order_api: { select: 'all' }
    },
    // A service's pod waits for these rows before it starts.
    schema_migrations: { order_api: { select: 'all' }, outbox_relay: { select: 'all' }, outbox_operator: { select: 'all' } }
  },
  'order-consumer': {
    inbox: {
      order_consumer: { select: 'all', insert: ['event_id'], delete: true }
    },
    order_views: {
      order_consumer: { select: 'all', insert: 'all', update: ['status', 'version', 'updated_at'] }
    },
    order_history: {
      order_consumer: { select: 'all', insert: 'all' }
    },
    consumer_stats: {
      order_consumer: { select: 'all', insert: 'all', update: ['applied', 'duplicates', 'gaps', 'dead_letters'] }
    },
    schema_migrations: { order_consumer: { select: 'all' } }
  }
}

/** EXPLAIN checks the rights as the statement itself would, and changes nothing. DEFAULT fits every column. */
const ATTEMPTS: Record<keyof Rights, (table: string, column: string) => string> = {
  select: (table, column) => `EXPLAIN SELECT ${column} FROM ${table}`,
  insert: (table, column) => `EXPLAIN INSERT INTO ${table} (${column}) VALUES (DEFAULT)`,
  update: (table, column) => `EXPLAIN UPDATE ${table} SET ${column} = DEFAULT`,
  delete: (table) => `EXPLAIN DELETE FROM ${table}`
}

const REFUSED = '42501'
const everyRole = Object.values(ROLES).flat()

async function connect (t: Test, url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  t.teardown(() => client.end())
  return client
}

/** `ok`, or the SQLSTATE of the refusal. */
async function attempt (client: pg.Client, statement: string): Promise<string> {
  return client.query(statement).then(() => 'ok', (error: pg.DatabaseError) => error.code ?? error.message)
}

async function columnsByTable (owner: pg.Client): Promise<Map<string, string[]>> {
  const { rows } = await owner.query<{ name: string, columns: string[] }>(`
    SELECT c.relname AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname !~ '^(pg_|information_schema$)'
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
    GROUP BY c.relname ORDER BY c.relname`)
  return new Map(rows.map(({ name, columns }) => [name, columns]))
}

/** Both, because roles belong to the server: the roles of the other service must not be able to connect. */
const databases = new Map<DatabaseOwner, TestDatabase>()
const server = await testPostgres(t)
for (const service of Object.keys(RIGHTS) as DatabaseOwner[]) databases.set(service, await testDatabase(t, { service, server }))

for (const [service, database] of databases) {
  const tables = RIGHTS[service]
  const roles: readonly string[] = ROLES[service]

  t.test(`${service}: every table is in the matrix, and every column that the matrix names is in its table`, async (t) => {
    const found = await columnsByTable(await connect(t, database.ownerUrl))
    t.same([...found.keys()], Object.keys(tables).sort(), 'a new table needs its line in RIGHTS')
    for (const [table, roles] of Object.entries(tables)) {
      for (const columns of Object.values(roles).flatMap(({ select, insert, update }) => [select, insert, update])) {
        if (Array.isArray(columns)) t.same(columns.filter((column) => found.get(table)?.includes(column) !== true), [], table)
      }
    }
  })

  for (const role of everyRole.filter((role) => !roles.includes(role))) {
    t.test(`${service}: ${role} cannot connect`, async (t) => {
      const client = new pg.Client({ connectionString: database.url(role) })
      client.on('error', () => {})
      await t.rejects(client.connect(), { code: REFUSED, message: /permission denied for database/ })
    })
  }

  t.test(`${service}: no other role has rights on the database`, async (t) => {
    const owner = await connect(t, database.ownerUrl)
    const { rows } = await owner.query<{ right: string, role: string }>(`
      SELECT privilege_type AS right, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END AS role
      FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE datname = current_database() AND grantee <> datdba ORDER BY role`)
    t.same(rows, roles.toSorted().map((role) => ({ right: 'CONNECT', role })))
  })

  for (const role of roles) {
    t.test(`${service}: ${role} can only leave rows in its tables`, async (t) => {
      const client = await connect(t, database.url(role))
      for (const statement of [
        'CREATE TEMP TABLE own (n int)', 'CREATE TEMP VIEW own AS SELECT 1', 'SELECT lo_create(0)', 'SELECT lo_creat(-1)', "SELECT lo_from_bytea(0, 'x')", "SELECT lo_import('/etc/passwd')",
        "COPY (SELECT 1) TO '/tmp/own'", 'CREATE PUBLICATION own', 'CREATE EXTENSION lo'
      ]) {
        const code = await attempt(client, statement)
        t.equal(code, REFUSED, statement)
      }
      const owner = await connect(t, database.ownerUrl)
      t.same((await owner.query('SELECT count(*)::int AS n FROM pg_largeobject_metadata')).rows, [{ n: 0 }])
    })

    t.test(`${service}: ${role} has the rights of the matrix, and no others`, async (t) => {
      const client = await connect(t, database.url(role))
      for (const [table, columns] of await columnsByTable(await connect(t, database.ownerUrl))) {
        const rights = tables[table]?.[role] ?? {}
        for (const verb of ['select', 'insert', 'update', 'delete'] as const) {
          const right = rights[verb]
          for (const column of verb === 'delete' ? ['*'] : columns) {
            const allowed = right === true || right === 'all' || right?.includes(column) === true
            t.equal(await attempt(client, ATTEMPTS[verb](`public.${table}`, column)), allowed ? 'ok' : REFUSED, `${verb} ${table}.${column}`)
          }
        }
        t.equal(await attempt(client, `TRUNCATE public.${table}`), REFUSED, `truncate ${table}`)
      }
    })

    t.test(`${service}: ${role} can create nothing, and use no sequence`, async (t) => {
      const owner = await connect(t, database.ownerUrl)
      const client = await connect(t, database.url(role))
      t.equal(await attempt(client, 'CREATE TABLE public.own (n int)'), REFUSED)
      t.equal(await attempt(client, 'CREATE SCHEMA own'), REFUSED)
      t.equal(await attempt(client, 'CREATE ROLE own'), REFUSED)
      const { rows: sequences } = await owner.query<{ name: string }>("SELECT relname AS name FROM pg_class WHERE relkind = 'S'")
      for (const { name } of sequences) t.equal(await attempt(client, `SELECT nextval('public.${name}')`), REFUSED, name)
      const { rows: [further] } = await owner.query(`
        SELECT count(*)::int AS n FROM pg_class
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND relnamespace = 'public'::regnamespace
          AND has_table_privilege($1, oid, 'REFERENCES, TRIGGER, MAINTAIN')`, [role])
      t.same(further, { n: 0 }, 'no right to references, triggers or maintenance')
    })
  }
}

t.test('no role has rights on the server, or those of another role', async (t) => {
  const owner = await connect(t, server.url)
  const { rows } = await owner.query<{ name: string }>(`
    SELECT rolname AS name, rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls AS powerful,
           EXISTS (SELECT FROM pg_auth_members WHERE member = r.oid) AS member
    FROM pg_roles AS r WHERE rolname = ANY ($1) ORDER BY rolname`, [everyRole])
  t.same(rows, [...everyRole].sort().map((name) => ({ name, powerful: false, member: false })))
})

t.test('a lock on the hash of a key does not block its requests, and only order_api can read the seed', async (t) => {
  const database = databases.get('order-api')
  if (database === undefined) throw new Error('expected the database of order-api, found none')
  const stranger = await connect(t, database.url('outbox_relay'))
  await stranger.query("SELECT pg_advisory_lock(hashtextextended('k', 0))")
  t.equal(await attempt(stranger, 'SELECT seed FROM idempotency_lock_seed'), REFUSED)
  const own = await connect(t, database.url('order_api'))
  t.same((await own.query("SELECT pg_try_advisory_xact_lock(hashtextextended('k', (SELECT seed FROM idempotency_lock_seed))) AS locked")).rows, [{ locked: true }])
})
