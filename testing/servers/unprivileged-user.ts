import { readFile } from 'node:fs/promises'

export interface User {
  uid: number
  gid: number
}

/** For root, as which Postgres refuses to run: an existing user without rights. For other users undefined. */
export async function unprivilegedUser (): Promise<User | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  const [, , uid, gid] = users.find(([name]) => name === 'nobody') ?? []
  if (uid === undefined || gid === undefined) throw new Error('expected a user "nobody" to run Postgres as, found none: do not run this as root')
  return { uid: Number(uid), gid: Number(gid) }
}
