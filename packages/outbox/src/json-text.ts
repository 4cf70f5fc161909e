import { InvalidEventError } from './errors.ts'

/** Postgres accepts some 6,500 levels. A consumer's parser may accept fewer. */
const MAX_DEPTH = 500
/** The limit of one jsonb value, with room for its inner lengths. https://www.postgresql.org/docs/current/datatype-json.html */
const MAX_BYTES = 255 * 1_024 * 1_024

/**
 * The exact JSON of a value. `JSON.stringify` alone changes values silently: it writes `null` for NaN, Infinity and an invalid date, `{}`
 * for a Map, drops functions, and keeps half a surrogate pair. Its errors do not name the place.
 *
 * @param field for the error
 * @throws InvalidEventError that names the field, and the place in it
 */
export function jsonText (field: string, value: unknown): string {
  assertJson({ field, value, key: '', pointer: '', above: [] })
  let text: unknown
  try {
    text = JSON.stringify(value)
  } catch (error) {
    throw new InvalidEventError(field, `a JSON value (${(error as Error).message})`, value)
  }
  if (typeof text !== 'string') throw new InvalidEventError(field, 'a JSON value', value)
  // A character has three bytes at most, so nearly every text needs no count.
  if (text.length * 3 > MAX_BYTES && Buffer.byteLength(text) > MAX_BYTES) {
    throw new InvalidEventError(field, `JSON of up to ${MAX_BYTES} bytes, which is what Postgres stores`, text)
  }
  return text
}

/** Whether Postgres can store a text unchanged: half a surrogate pair would become U+FFFD, and two texts could become one. */
export function isStorable (text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}

interface Place {
  field: string
  value: unknown
  key: string
  /** RFC 6901. */
  pointer: string
  /** The objects that contain it. */
  above: readonly object[]
}

function assertJson (place: Place): void {
  const value = valueOf(place)
  const refuse = (expected: string): never => { throw new InvalidEventError(place.field, expected, value, place.pointer) }
  switch (typeof value) {
    case 'string':
      if (!isStorable(value)) refuse(UNICODE)
      return
    case 'number':
      if (!Number.isFinite(value)) refuse('a finite number, for JSON has no other')
      return
    case 'boolean':
      return
    case 'object':
      if (value !== null) assertMembers(place, value, refuse)
      return
    default:
      refuse('a JSON value')
  }
}

const UNICODE = 'text without U+0000 and lone surrogates, which Postgres does not store'

function assertMembers ({ field, pointer, above }: Place, value: object, refuse: (expected: string) => never): void {
  if (above.includes(value)) refuse('a value that does not contain itself')
  if (above.length >= MAX_DEPTH) refuse(`a value that is nested ${MAX_DEPTH} levels deep at most`)
  const within = [...above, value]
  const at = (key: string) => `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
  if (Array.isArray(value)) {
    // By index: a hole would become null too.
    for (let index = 0; index < value.length; index++) assertJson({ field, value: value[index], key: String(index), pointer: at(String(index)), above: within })
    return
  }
  if (Object.prototype.toString.call(value) !== '[object Object]') refuse('a JSON value, not an object of another kind')
  for (const [key, member] of Object.entries(value)) {
    // A consumer that copies the members into an object would change its prototype.
    if (key === '__proto__') throw new InvalidEventError(field, 'an object without the key __proto__', value, at(key))
    if (!isStorable(key)) throw new InvalidEventError(field, `an object whose keys are ${UNICODE}`, key, at(key.toWellFormed().replaceAll('\0', '\\0')))
    // JSON leaves out undefined members, as callers expect.
    if (member !== undefined) assertJson({ field, value: member, key, pointer: at(key), above: within })
  }
}

/** The value as JSON.stringify sees it. */
function valueOf ({ value, key, field, pointer }: Place): unknown {
  const { toJSON } = (value ?? {}) as { toJSON?: unknown }
  if (typeof toJSON !== 'function') return value
  if (value instanceof Date && Number.isNaN(value.getTime())) throw new InvalidEventError(field, 'a date that is one', value, pointer)
  try {
    return toJSON.call(value, key)
  } catch (error) {
    throw new InvalidEventError(field, `a JSON value (${(error as Error).message})`, value, pointer)
  }
}
