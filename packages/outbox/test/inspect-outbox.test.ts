import { enqueue, inspectOutbox, OutboxOrderError } from '@orders/outbox'
import t from 'tap'
import { event, outboxDatabase } from './outbox-database.ts'

const ALTER = 'ALTER TABLE outbox_events ALTER COLUMN id SET'
const trigger = (body: string) => `CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} RETURN NEW; END $$;
  CREATE TRIGGER theirs BEFORE INSERT ON outbox_events FOR EACH ROW EXECUTE FUNCTION theirs()`

t.test('the tables of record have no problem', async (t) => {
  const { pool } = await outboxDatabase(t)
  await enqueue(pool, event('a', 1))
  t.same(await inspectOutbox(pool), [])
})

for (const [what, sql, message] of [
  ['a cache of ids in each session', `${ALTER} CACHE 20`, /expected .* CACHE 1, found 20: ALTER TABLE/],
  ['ids that fall', `${ALTER} MINVALUE -1000 SET INCREMENT BY -1`, /to rise, found INCREMENT BY -1/],
  ['ids that start again', `${ALTER} CYCLE`, /found CYCLE/],
  ['ids of no sequence', 'ALTER TABLE outbox_events ALTER COLUMN id DROP IDENTITY', /GENERATED ALWAYS AS IDENTITY/],
  ['a trigger that sets the id', trigger('NEW.id := 1000 - NEW.id;'), /found theirs: DROP TRIGGER theirs/]
] as const) {
  t.test(`refused: ${what}`, async (t) => {
    const { pool } = await outboxDatabase(t)
    await pool.query(sql)
    await t.rejects(inspectOutbox(pool), { constructor: OutboxOrderError, code: 'OUTBOX_ORDER', message })
  })
}

for (const [what, sql, message] of [
  ['another trigger before the insert', trigger(''), /trigger theirs changes or holds back/],
  ['a rule', "CREATE RULE theirs AS ON INSERT TO outbox_events WHERE NEW.event_type = 'x' DO INSTEAD NOTHING", /rule theirs rewrites/],
  ['the trigger for events that come back is disabled', 'ALTER TABLE outbox_events DISABLE TRIGGER outbox_event_returns', /missing or disabled/],
  ['the identity was set back while events wait', "SELECT setval(pg_get_serial_sequence('outbox_events', 'id'), 2)", /set back to 2/]
] as const) {
  t.test(`warned of: ${what}`, async (t) => {
    const { pool } = await outboxDatabase(t)
    await enqueue(pool, [1, 2, 3].map((version) => event('a', version)))
    await pool.query(sql)
    t.match(await inspectOutbox(pool), [message])
  })
}
