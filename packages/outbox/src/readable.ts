/** Which aggregate types are read: these alone, or all but these. */
export type TypeFilter = { only: readonly string[] } | { except: readonly string[] }

/** Which events a read looks for. */
export interface ReadScope {
  /** This shard, counted from 0, of how many. */
  shard: number
  shards: number
  /** Leaves aggregate types out, such as those whose topic is missing; all are read when it is left out. */
  types?: TypeFilter | undefined
  /** The state of `outbox_scan` that the caller knows. When it has changed since, nothing is found: see {@link ScanBound}. */
  stamp?: ScanStamp | undefined
}

/** One version of a shard's row in `outbox_scan`. */
export interface ScanStamp {
  /** Where the row is. Asked for by it, the row costs the same however many dead versions it has. */
  ctid: string
  stamp: string
}

/** Adds a value to a statement, and returns its placeholder. */
export type Parameter = (value: unknown) => string

/** Part of a statement's name and the condition for the events `e` of a scope that can be read now. */
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
    condition += ` AND ${isCurrent(stamp, parameter)}`
  }
  return { name, condition }
}

/** Whether the row of `outbox_scan` is still the one that the caller knows. Looked at once for each statement. */
export function isCurrent ({ ctid, stamp }: ScanStamp, parameter: Parameter): string {
  return `EXISTS (SELECT FROM outbox_scan WHERE ctid = ${parameter(ctid)}::tid AND stamp = ${parameter(stamp)})`
}

/** Nearly always there is no blocking dead letter at all, which is found out once and not for each row. */
const NOT_BLOCKED = `
        AND (NOT EXISTS (SELECT FROM outbox_dead_letters WHERE blocking) OR NOT EXISTS (
          SELECT FROM outbox_dead_letters AS d
          WHERE d.blocking AND d.aggregate_type = e.aggregate_type AND d.aggregate_id = e.aggregate_id AND d.id < e.id))`
