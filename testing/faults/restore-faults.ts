import { setTimeout as delay } from 'node:timers/promises'
import { createAdmin } from '@orders/kafka'
import { until } from '../framework/index.ts'
import type { PostgresBackup } from '../servers/index.ts'
import type { AnswerRow } from '../checker/index.ts'
import { ANSWERS, readEnqueued, readFence, withClient } from '../checker/observation/final-state.ts'
import type { Fault, StartedFault } from './fault.ts'
import { startAgain } from './postgres-faults.ts'
import type { System } from '../system/system.ts'

const DEADLINE_MS = 90_000
/** A row's time is older than its commit by up to this. */
const COMMIT_MARGIN_MS = 60_000
const IDLE_DEADLINE_MS = 15_000

/** Marks the backup. Rows since then, and a few before, are compared with those after the restore. */
interface Since {
  /** No transaction before this one was open when the backup was made. */
  xid: string
  answeredAt: Date
  fenceSeq: number
}

/** The data that a restore throws away: visible only by reading the database just before and just after it. */
async function restore (system: System, backup: PostgresBackup, since: Since): Promise<void> {
  const { databases: { orders, links }, recorder, ordersUrl, undone } = system
  const id = undone.restores.length + 1
  const cut = [system.api, ...system.relays].flatMap(({ name }) => links.get(name) ?? [])
  for (const link of cut) link.cut()
  try {
    await untilAlone(system)
    const before = await readSince(ordersUrl, since)
    await orders.restore(backup)
    const ends = await topicEnds(system)
    await startAgain(orders)
    const after = await readSince(ordersUrl, since)
    const outbox = await withClient(ordersUrl, (query) => query<{ event: string }>('SELECT event_id AS event FROM outbox_events'))
    const fenceSeq = after.fence.at(-1)?.seq ?? since.fenceSeq
    const [events, answers] = [new Set(after.events.map(({ event }) => event)), new Map(after.answers.map((answer) => [answer.key, answer]))]
    undone.restores.push({ id, at: recorder.now, fenceSeq, outbox: outbox.map(({ event }) => event), ends })
    undone.undoneEvents.push(...before.events.filter(({ event }) => !events.has(event)).map((row) => ({ ...row, restore: id })))
    undone.undoneAnswers.push(...before.answers.filter(({ key }) => !answers.has(key)))
    undone.undoneFence.push(...before.fence.filter(({ seq }) => seq > fenceSeq).map((row) => ({ ...row, restore: id })))
  } finally {
    for (const link of cut) link.heal()
  }
}

/** Resolves when no client can commit any more before the server ends. */
async function untilAlone ({ admin }: System): Promise<void> {
  await until(async () => {
    const { rows: [row] } = await admin.query<{ others: number }>(`
      SELECT count(pg_terminate_backend(pid))::int AS others FROM pg_stat_activity
      WHERE backend_type = 'client backend' AND application_name <> 'chaos' AND pid <> pg_backend_pid()`)
    return row?.others === 0
  }, { what: 'all other clients to be disconnected from Postgres', deadlineMs: DEADLINE_MS })
}

async function readSince (url: string, { xid, answeredAt, fenceSeq }: Since) {
  return withClient(url, async (query) => ({
    events: await readEnqueued(query, `tx >= '${xid}'::xid8`),
    answers: await query<AnswerRow>(`${ANSWERS} AND created_at >= '${answeredAt.toISOString()}'`),
    fence: await readFence(query, fenceSeq)
  }))
}

/** Called while Postgres is down. If the brokers are down too, waits for them. */
async function topicEnds ({ connection, topic }: System): Promise<Array<{ partition: number, offset: number }>> {
  return until(async () => {
    const admin = await createAdmin(connection)
    try {
      return [...await admin.endOffsets(topic)].map(([partition, offset]) => ({ partition, offset: Number(offset) }))
    } finally {
      await admin.close().catch(() => {})
    }
  }, { what: 'the ends of the topic', deadlineMs: DEADLINE_MS })
}

async function takeBackup ({ databases: { orders }, ordersUrl }: System): Promise<{ backup: PostgresBackup, since: Since }> {
  const [row] = await withClient(ordersUrl, (query) => query<{ xid: string, now: Date, seq: number }>(
    'SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xid, clock_timestamp() AS now, (SELECT coalesce(max(seq), 0) FROM audit.fence) AS seq'))
  if (row === undefined) throw new Error('expected a snapshot, found none')
  const since = { xid: row.xid, answeredAt: new Date(row.now.getTime() - COMMIT_MARGIN_MS), fenceSeq: row.seq }
  return { backup: await orders.backup(), since }
}

async function begin (system: System, heal: (backup: PostgresBackup, since: Since) => Promise<void>): Promise<StartedFault> {
  const { backup, since } = await takeBackup(system)
  return {
    target: 'the database of order-api',
    affects: ['postgres', 'order-api', 'outbox-relay'],
    heal: () => heal(backup, since).finally(() => backup.remove())
  }
}

/** The places of everything that could commit between the last read of the database and its restore. */
const PLACES = ['postgres', 'links to postgres', 'topic'] as const

/** Postgres goes back to its state of some seconds ago, as after a restore or a failover to a replica that lags. */
export const restoreFaults: readonly Fault[] = [
  {
    f: 'F32',
    title: 'Postgres is restored to the state of some seconds ago, with relays at work',
    places: PLACES,
    forMs: [500, 8_000],
    needs: 'restore',
    weight: 2,
    start: (system) => begin(system, (backup, since) => restore(system, backup, since))
  },
  {
    f: 'F32',
    title: 'Postgres is restored to the state of some seconds ago, with idle relays',
    places: PLACES,
    forMs: [500, 8_000],
    needs: 'restore',
    start: (system) => begin(system, async (backup, since) => {
      const api = system.link(system.api, 'postgres')
      api.cut()
      try {
        // Faults of other parts may keep the relays busy; then the restore happens anyway.
        await until(async () => (await system.admin.query('SELECT FROM outbox_events LIMIT 1')).rowCount === 0, { what: 'idle relays', deadlineMs: IDLE_DEADLINE_MS }).catch(() => {})
        await delay(200)
        await restore(system, backup, since)
      } finally {
        api.heal()
      }
    })
  }
]
