import { randomBytes } from 'node:crypto'

/** A name that no other process has, not even a later one in the same pod. */
export function newProcessName (replica: string): string {
  return `${replica}-${randomBytes(4).toString('hex')}`
}

/** The process that holds a lease: the elector appends a random part to the name. */
export function processOf (holderIdentity: string): string {
  return holderIdentity.slice(0, holderIdentity.lastIndexOf('_'))
}
