/** Every `type` that a problem of ours can have, after `urn:problem:`. Each has its line in docs/problems.md. */
export const PROBLEM_TYPES = [
  'body-too-large',
  'cross-site',
  'idempotency-key-reused',
  'internal',
  'invalid-request',
  'method-not-allowed',
  'not-found',
  'not-ready',
  'overloaded',
  'request-in-flight',
  'request-timeout',
  'status-conflict',
  'unavailable',
  'unsupported-media-type'
] as const

export type ProblemType = typeof PROBLEM_TYPES[number]
