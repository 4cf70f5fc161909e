import { replaceKafkajsModule } from '../module.ts'

export interface FetchedMessage {
  offset: string
  key: Buffer | null
  isControlRecord: boolean
  batchContext: { producerId: string, inTransaction: boolean }
}

export interface FilterOptions {
  messages: FetchedMessage[]
  abortedTransactions?: Array<{ producerId: string, firstOffset: string }>
}

export type FilterAborted = (options: FilterOptions) => FetchedMessage[]

/** The key of a control record: version 0, type 0. https://kafka.apache.org/documentation/#controlbatch */
const ABORT_MARKER = Buffer.from([0, 0, 0, 0])

/**
 * Removes the records of aborted transactions.
 *
 * The broker lists aborted transactions by their ends. kafkajs reads the list in that order, and considers only its first entry at
 * each record. So of two transactions that were open together, records of one pass as committed. Two leaders that crash at once, each
 * with a batch in flight, are enough. Here the list is sorted by beginnings, and all transactions that have begun are considered.
 */
export const filterAborted: FilterAborted = ({ messages, abortedTransactions = [] }) => {
  if (abortedTransactions.length === 0) return messages
  const ahead = abortedTransactions.map(({ producerId, firstOffset }) => ({ producerId: String(producerId), firstOffset: BigInt(firstOffset) }))
    .sort((a, b) => a.firstOffset < b.firstOffset ? -1 : 1)
  const aborting = new Set<string>()
  return messages.filter(({ offset, key, isControlRecord, batchContext: { producerId, inTransaction } }) => {
    while (ahead[0] !== undefined && BigInt(offset) >= ahead[0].firstOffset) aborting.add(String(ahead.shift()?.producerId))
    const producer = String(producerId)
    if (!isControlRecord) return !(inTransaction && aborting.has(producer))
    if (key !== null && ABORT_MARKER.equals(key)) aborting.delete(producer)
    return true
  })
}

replaceKafkajsModule<FilterAborted>('consumer/filterAbortedMessages', 'patches/aborted-records.ts', () => filterAborted)
