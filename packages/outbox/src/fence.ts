import { randomUUID } from 'node:crypto'
import { FencedError } from './errors.ts'
import type { Row, SqlClient, Statement } from './sql-client.ts'

/** The last known version of a row: its revision, and its place in the table. */
export interface HeldRow {
  revision: string
  ctid: string
}

/**
 * The right to work on one shard: every statement that changes the outbox presents it.
 *
 * The epoch alone would be a number, which a restored database gives out again. So each statement presents the revision that the
 * previous statement of the same term wrote, and writes a new one. Statements under one fence run one after the other.
 */
export class Fence {
  readonly shard: number
  readonly epoch: bigint
  #row: HeldRow
  readonly #unanswered: string[] = []

  constructor (shard: number, epoch: bigint, row: HeldRow) {
    this.shard = shard
    this.epoch = epoch
    this.#row = row
  }

  get row (): HeldRow {
    return this.#row
  }

  /**
   * The revisions that the row can have if no other relay has changed it: the known one, and those of statements whose answer was
   * lost.
   */
  get possibleRevisions (): string[] {
    return [this.#row.revision, ...this.#unanswered]
  }

  /** A statement that writes this revision is about to be sent. */
  attempt (revision: string): void {
    this.#unanswered.push(revision)
  }

  /** The statement was answered: this is the row that it wrote. */
  advance (row: HeldRow): void {
    this.#row = row
    this.#unanswered.length = 0
  }
}

/** A change of the held row. Its own parameters begin at `$5`. */
export interface HeldChange {
  /** The name of the prepared statement. */
  name: string
  /** The columns to set besides the revision. */
  set: string
  /** A further condition for the row, beginning with AND. */
  where?: string
  /** Further CTEs. They can refer to `held`, which has a row if the fence held. */
  also?: string
  /** One more column of the answer, as `expression AS name`. */
  answer?: string
  values: unknown[]
  /** The revision to write; a new one if left out. */
  revision?: string
}

/**
 * Changes the shard's row, and does the rest of the statement, if the fence still holds. One statement, one commit.
 *
 * The row is found by its place, where the last statement wrote it. While an old transaction keeps dead versions from being removed, a
 * search by the key alone steps over all of them: a claim became ten times as slow within 24,000 claims. If the row has moved (VACUUM
 * FULL, a restore), the key finds it. Both searches present the revision, so the change is not made twice.
 *
 * @returns the row of the answer
 * @throws FencedError when the shard was taken over, or the database restored; then nothing was changed
 */
export async function changeHeld (client: SqlClient, fence: Fence, change: HeldChange): Promise<Row> {
  const { name, values, revision = randomUUID() } = change
  const { revision: presented, ctid } = fence.row
  const all = [fence.shard, String(fence.epoch), presented, revision, ...values]
  fence.attempt(revision)
  const attempt = async (statement: Statement): Promise<Row | undefined> => {
    const { rows: [row] } = await client.query(statement)
    return row?.ctid === null ? undefined : row
  }
  const row = await attempt({ name, text: statementOf(change, `ctid = $${all.length + 1}::tid AND `), values: [...all, ctid] }) ??
    await attempt({ name: `${name}_by_key`, text: statementOf(change, `${newestVersion('$1')} AND `), values: all })
  if (row === undefined) throw new FencedError(fence.shard, fence.epoch)
  fence.advance({ revision, ctid: row.ctid as string })
  return row
}

function statementOf ({ set, where = '', also, answer }: HeldChange, place: string): string {
  return `WITH held AS (
             UPDATE relay_shard SET ${set}, revision = $4
             WHERE ${place}shard = $1 AND epoch = $2 AND revision = $3 ${where} RETURNING ctid
           )${also === undefined ? '' : `, ${also}`}
           SELECT (SELECT ctid::text FROM held) AS ctid${answer === undefined ? '' : `, ${answer}`}`
}

/**
 * A condition that every search of `relay_shard` by its key needs. It is true for the row as it is. Without it, the search would step over
 * every dead version; with it, the index leads to the newest one.
 *
 * It compares the batch and not the place: a concurrent claim moves the row, and then Postgres compares the new version.
 */
export function newestVersion (shard: string): string {
  return `batch >= (SELECT max(newest.batch) FROM relay_shard AS newest WHERE newest.shard = ${shard})`
}

/** @throws FencedError when the shard was taken over, or the database restored */
export async function assertHeld (client: SqlClient, fence: Fence): Promise<void> {
  const { rows } = await client.query({
    name: 'outbox_assert_held',
    text: `SELECT FROM relay_shard WHERE shard = $1 AND ${newestVersion('$1')} AND epoch = $2 AND revision = $3`,
    values: [fence.shard, String(fence.epoch), fence.row.revision]
  })
  if (rows.length === 0) throw new FencedError(fence.shard, fence.epoch)
}
