import { randomBytes } from 'node:crypto'

export interface TraceContext {
  traceId: string
  /** The value of the header `traceparent`. */
  traceparent: string
}

// https://www.w3.org/TR/trace-context/#traceparent-header: version ff is invalid, and so are ids of zeros only. Versions above
// 00 may have more fields, which are ignored.
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** Parses the header. @returns undefined if it is malformed: the specification says to ignore it then */
export function parseTraceparent (header: unknown): { traceId: string, flags: string } | undefined {
  if (typeof header !== 'string' || header.length > 512) return undefined
  const [, version, traceId, , flags, rest] = TRACEPARENT.exec(header) ?? []
  if (traceId === undefined || flags === undefined || (version === '00' && rest !== undefined)) return undefined
  return { traceId, flags }
}

const SAMPLED = 1

/**
 * A new span in the caller's trace, or in a new trace if there is none. Keeps the flag `sampled`. The specification says to
 * clear flags that version 00 does not define.
 */
export function childTraceContext (header: unknown): TraceContext {
  const { traceId, flags } = parseTraceparent(header) ?? { traceId: randomBytes(16).toString('hex'), flags: '01' }
  const sampled = Number.parseInt(flags, 16) & SAMPLED
  return { traceId, traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-0${sampled}` }
}
