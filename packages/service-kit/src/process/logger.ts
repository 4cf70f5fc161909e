import { pino, type Logger } from 'pino'
import { errorFields } from './error-fields.ts'

/** Fields that may hold secrets: headers of a request, and connection parameters. */
const REDACTED = ['authorization', '*.authorization', '*.headers.authorization', '*.headers.cookie', 'password', '*.password']

export interface LoggerOptions {
  /** The service. */
  name: string
  level: string
}

/** Logs JSON lines to standard output. A `bigint` (an id, an epoch) becomes text: JSON has no such number. */
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
