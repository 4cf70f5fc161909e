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
 * Leaves out the records of aborted transactions.
 *
 * kafkajs takes the transactions as the broker lists them, which is by their ends, looks at the first of them alone, and
 * enters one for each record: of two that were aborted together, some records of one pass for committed. Two leaders
 * that die at once, each with a batch in flight, are enough. The list has to be taken by beginnings, and all that have begun.
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
