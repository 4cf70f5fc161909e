import { randomBytes } from 'node:crypto'

/** A name for this process and no other, not even a later one in the same pod. */
export function processName (replica: string): string {
  return `${replica}-${randomBytes(4).toString('hex')}`
}

/** The process that a lease's holder belongs to: the elector appends a random part to our name. */
export function processOf (holderIdentity: string): string {
  return holderIdentity.slice(0, holderIdentity.lastIndexOf('_'))
}
