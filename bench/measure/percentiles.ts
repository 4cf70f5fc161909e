/** @param share from 0 to 1 */
export function percentile (values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
  if (value === undefined) throw new Error('expected values, found none')
  return value
}

export function median (values: readonly number[]): number {
  return percentile(values, 0.5)
}
