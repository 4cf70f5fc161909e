import { randomBytes } from 'node:crypto'

export interface TraceContext {
  traceId: string
  /** The value of the header `traceparent`. */
  traceparent: string
}

// https://www.w3.org/TR/trace-context/#traceparent-header: version ff and ids of zeros only are invalid; a version above
// 00 may have more fields behind, which are not ours to read.
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** The trace that a header names; undefined if it names none, as the specification wants it for anything malformed. */
export function parseTraceparent (header: unknown): { traceId: string, flags: string } | undefined {
  if (typeof header !== 'string' || header.length > 512) return undefined
  const [, version, traceId, , flags, rest] = TRACEPARENT.exec(header) ?? []
  if (traceId === undefined || flags === undefined || (version === '00' && rest !== undefined)) return undefined
  return { traceId, flags }
}

const SAMPLED = 1

/**
 * A new span in the caller's trace, or in a new trace if the caller has none. Of the flags it keeps `sampled`: the
 * specification wants those that version 00 does not know to be cleared.
 */
export function childTraceContext (header: unknown): TraceContext {
  const { traceId, flags } = parseTraceparent(header) ?? { traceId: randomBytes(16).toString('hex'), flags: '01' }
  const sampled = Number.parseInt(flags, 16) & SAMPLED
  return { traceId, traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-0${sampled}` }
}
