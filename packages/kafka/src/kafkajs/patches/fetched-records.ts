import { decodeRecordBatches, type FetchBudget, type FetchedRecord } from '../records/fetched-records.ts'
import { replaceKafkajsModule } from '../module.ts'

/** What the records of all partitions of one answer take in memory before the rest is left for the next fetch. */
const ANSWER_BYTES = 67_108_864

/** What is used of kafkajs's decoder. */
export interface Decoder {
  readInt32: () => number
  canReadBytes: (length: number) => boolean
  readBytes: (length: number) => Buffer
}

export type DecodeMessages = (decoder: Decoder) => Promise<FetchedRecord[]>

const budgets = new WeakMap<Decoder, FetchBudget>()

/**
 * Decodes what a fetch brought, with our own decoder.
 *
 * kafkajs knows one codec of four and ends the consumer at the others, decompresses without any limit, does not look at
 * checksums, and puts headers into an object that has a prototype: one that is called `toString` becomes a list with a
 * function in it. One record that it cannot decode fails the whole fetch, of all its partitions, for ever. And its time grows
 * with the square of the number of headers.
 */
export const decodeMessages: DecodeMessages = async (decoder) => {
  const length = decoder.readInt32()
  if (length <= 0 || !decoder.canReadBytes(length)) return []
  const bytes = decoder.readBytes(length)
  let budget = budgets.get(decoder)
  if (budget === undefined) {
    budget = { leftBytes: ANSWER_BYTES }
    budgets.set(decoder, budget)
  }
  return decodeRecordBatches(bytes, budget)
}

replaceKafkajsModule<DecodeMessages>('protocol/requests/fetch/v4/decodeMessages', 'patches/fetched-records.ts', () => decodeMessages)
