import { stdSerializers } from 'pino'

const URL_WITH_PASSWORD = /(postgres(?:ql)?:\/\/)\S*@/gi

/**
 * An error as fields of a log line. Of its properties only text, numbers and plain objects: `pg` attaches its whole client, with
 * its cancel key, the connection parameters and kilobytes of socket.
 */
export function errorFields (error: unknown): unknown {
  return plain(stdSerializers.err(error as Error), new Set())
}

function plain (value: unknown, above: ReadonlySet<unknown>): unknown {
  if (typeof value === 'string') return value.replace(URL_WITH_PASSWORD, '$1[redacted]@')
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return typeof value === 'function' || typeof value === 'symbol' ? undefined : value
  if (above.has(value)) return undefined
  const within = new Set([...above, value])
  if (Array.isArray(value)) return value.map((item) => plain(item, within))
  if (!isPlain(value)) return undefined
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field, within)]))
}

function isPlain (value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  // The serializer's own objects have another prototype, with `raw`.
  return prototype === Object.prototype || prototype === null || 'raw' in value
}
