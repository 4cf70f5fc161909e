/** Which aggregate types are read: these alone, or all but these. */
export type TypeFilter = { only: readonly string[] } | { except: readonly string[] }

/** The events that a read may return. */
export interface ReadScope {
  /** Counted from 0. */
  shard: number
  shards: number
  /** Leaves aggregate types out, such as those whose topic is missing. All types if not set. */
  types?: TypeFilter | undefined
  /** The version of the row in `outbox_scan` that the caller knows. If it has changed, the read finds nothing: see {@link ScanBound}. */
  stamp?: ScanStamp | undefined
}

/** One version of a shard's row in `outbox_scan`. */
export interface ScanStamp {
  /** The place of the row. Found by it, the row costs the same however many dead versions it has. */
  ctid: string
  stamp: string
  /** The server and the database of the row, and since when the server runs: see {@link SERVER}. */
  server: string
}

/**
 * Another one after every restart, failover or restore, also where a copy took the database's name. A stamp says nothing then: a restored
 * row has the same one. And a pool connects again without a word, so its user would not notice. As a number, because the text of a time
 * depends on the session.
 */
export const SERVER = "(SELECT extract(epoch FROM pg_postmaster_start_time()) || ' ' || oid FROM pg_database WHERE datname = current_database())"

/** Adds a value to a statement, and returns its placeholder. */
export type Parameter = (value: unknown) => string

/** The condition for the events `e` of a scope that can be read now, and its part of the statement's name. */
export function readable ({ shard, shards, types, stamp }: ReadScope, parameter: Parameter): { name: string, condition: string } {
  let name = ''
  let condition = NOT_BLOCKED
  if (shards > 1) {
    name += '_shard'
    // The mask, not abs(): abs() of the smallest bigint is an error.
    condition += `
        AND (hashtextextended(e.aggregate_id, hashtext(e.aggregate_type)) & 9223372036854775807) % ${parameter(shards)} = ${parameter(shard)}`
  }
  if (types !== undefined) {
    name += 'only' in types ? '_only' : '_except'
    condition += 'only' in types
      ? ` AND e.aggregate_type = ANY (${parameter(types.only)}::text[])`
      : ` AND e.aggregate_type <> ALL (${parameter(types.except)}::text[])`
  }
  if (stamp !== undefined) {
    name += '_stamped'
    condition += ` AND ${isCurrent(stamp, shard, parameter)}`
  }
  return { name, condition }
}

/** Whether the shard's row of `outbox_scan` is still the version that the caller knows. Evaluated once for each statement. */
export function isCurrent (stamp: ScanStamp, shard: number, parameter: Parameter): string {
  return `EXISTS (SELECT FROM outbox_scan WHERE ${isVersion(stamp, shard, parameter)})`
}

/** The condition for that version. With the shard: where the row was before, there may be another shard's row by now, with the same stamp. */
export function isVersion ({ ctid, stamp, server }: ScanStamp, shard: number, parameter: Parameter): string {
  return `ctid = ${parameter(ctid)}::tid AND stamp = ${parameter(stamp)} AND shard = ${parameter(shard)} AND ${SERVER} = ${parameter(server)}`
}

/** Nearly always there is no blocking dead letter, which is checked once and not for each row. */
const NOT_BLOCKED = `
        AND (NOT EXISTS (SELECT FROM outbox_dead_letters WHERE blocking) OR NOT EXISTS (
          SELECT FROM outbox_dead_letters AS d
          WHERE d.blocking AND d.aggregate_type = e.aggregate_type AND d.aggregate_id = e.aggregate_id AND d.id < e.id))`
