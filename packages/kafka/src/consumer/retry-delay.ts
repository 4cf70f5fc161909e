export interface RetryDelays {
  minRetryDelayMs: number
  maxRetryDelayMs: number
}

/** Doubles with each attempt up to the maximum; of two consumers that failed together, not both at the same time again. */
export function retryDelayMs (attempt: number, { minRetryDelayMs = 100, maxRetryDelayMs = 2_000 }: Partial<RetryDelays>): number {
  const ceiling = Math.min(maxRetryDelayMs, minRetryDelayMs * 2 ** Math.min(attempt, 20))
  return Math.round(ceiling * (0.5 + Math.random() / 2))
}
