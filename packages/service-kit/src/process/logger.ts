import { pino, type Logger } from 'pino'
import { errorFields } from './error-fields.ts'

/** Where secrets can come by: headers of a request, and connection strings. */
const REDACTED = ['authorization', '*.authorization', '*.headers.authorization', '*.headers.cookie', 'password', '*.password']

export interface LoggerOptions {
  /** The service. */
  name: string
  level: string
}

/** JSON lines to standard output. `bigint`s (ids, epochs) are printed as text, which JSON has no number for. */
export function createLogger ({ name, level }: LoggerOptions): Logger {
  return pino({
    name,
    level,
    redact: { paths: REDACTED, censor: '[redacted]' },
    serializers: { err: errorFields },
    formatters: {
      level: (label) => ({ level: label }),
      log: (fields) => {
        for (const [key, value] of Object.entries(fields)) if (typeof value === 'bigint') fields[key] = String(value)
        return fields
      }
    },
    timestamp: () => `,"time":"${new Date().toISOString()}"`
  })
}
