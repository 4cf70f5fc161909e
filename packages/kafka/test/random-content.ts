import type { Random } from '@orders/testing/framework/random'

/** Characters of 1, 2, 3 and 4 bytes, and lone surrogates. */
const CHARACTERS = [...'abcXYZ0189-{}":,\0\n\u007f\u0080äßΩ\u07ff\u0800€\uffff😀𝄞', '\ud800', '\udc00']

/** A whole number from 0 to `limit - 1`. */
export function below (random: Random, limit: number): number {
  return random.between(0, limit)
}

/** One of the values; `undefined` may be one. */
export function oneOf<T> (random: Random, values: readonly T[]): T {
  return values[below(random, values.length)] as T
}

export function randomBytes (random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => below(random, 256)))
}

/** A text of `length` characters. Every other text is plain ASCII. */
export function randomText (random: Random, length: number): string {
  const plain = below(random, 2) === 0
  return Array.from({ length }, () => plain ? String.fromCharCode(32 + below(random, 95)) : oneOf(random, CHARACTERS)).join('')
}
