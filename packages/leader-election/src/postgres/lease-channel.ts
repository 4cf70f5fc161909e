import type { RecordFields } from '../record.ts'

/** `NOTIFY` goes to everybody in the database who listens here; the payload names the lease. */
export const LEASE_CHANNEL = 'leader_lease'

export interface LeaseNotice {
  name: string
  /** Missing: it changed, and the notice does not say to what. */
  record?: RecordFields | undefined
}

/** @returns undefined for what is no notice: whoever can connect to the database can send anything, and must not end us with it */
export function noticeOf (payload = ''): LeaseNotice | undefined {
  let notice: unknown
  try {
    notice = JSON.parse(payload)
  } catch {
    return undefined
  }
  if (!isObject(notice) || typeof notice.name !== 'string') return undefined
  return { name: notice.name, record: isObject(notice.record) ? notice.record : undefined }
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
