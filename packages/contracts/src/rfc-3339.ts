/** https://www.rfc-editor.org/rfc/rfc3339#section-5.6 */
const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))$/i
const MINUTE_MS = 60_000
/** The range of RFC 3339 in UTC: years have four digits. */
const FIRST_MS = Date.parse('0000-01-01T00:00:00.000Z')
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/**
 * Parses a timestamp of RFC 3339, to the millisecond. `Date` accepts other texts too, such as `7`, and reads 30 February as
 * 1 March.
 *
 * A leap second, `23:59:60` in UTC, becomes the second after it: `Date` has no leap seconds.
 *
 * @returns undefined for any other text
 */
export function parseRfc3339 (text: string): Date | undefined {
  const match = DATE_TIME.exec(text)
  if (match === null) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number)
  const [fraction = '', sign, offsetHour = '0', offsetMinute = '0'] = match.slice(7)
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return undefined
  if (hour > 23 || minute > 59 || second > 60 || Number(offsetHour) > 23 || Number(offsetMinute) > 59) return undefined
  const offsetMs = (Number(offsetHour) * 60 + Number(offsetMinute)) * MINUTE_MS * (sign === '-' ? -1 : 1)
  const time = new Date(0)
  // Not Date.UTC, which reads the years 0 to 99 as 1900 to 1999.
  time.setUTCFullYear(year, month - 1, day)
  time.setUTCHours(hour, minute, 0, 0)
  const minuteMs = time.getTime() - offsetMs
  if (second === 60 && !isLastMinuteOfDay(new Date(minuteMs))) return undefined
  const ms = minuteMs + second * 1_000 + Number(fraction.slice(0, 3).padEnd(3, '0'))
  return ms < FIRST_MS || ms > LAST_MS ? undefined : new Date(ms)
}

function daysOf (year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}

function isLastMinuteOfDay (time: Date): boolean {
  return time.getUTCHours() === 23 && time.getUTCMinutes() === 59
}
