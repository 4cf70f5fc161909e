const MAX_DISTANCE = 3

/** The known name that an unknown one was probably meant to be; undefined if none is close. */
export function nearest (name: string, known: readonly string[]): string | undefined {
  const [best] = known.map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((a, b) => a.distance - b.distance)
  if (best !== undefined && best.distance <= MAX_DISTANCE) return best.candidate
  // `KAFKA_SSL` for KAFKA_SSL_CA_FILE: a prefix of the right name.
  return known.find((candidate) => candidate.startsWith(`${name}_`))
}

/** Levenshtein distance. */
function editDistance (a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1)
      current.push(Math.min(substitution, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}
