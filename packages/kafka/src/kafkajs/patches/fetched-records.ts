import { decodeRecordBatches, type FetchBudget, type FetchedRecord } from '../records/fetched-records.ts'
import { replaceKafkajsModule } from '../module.ts'

/** Memory for the records of all partitions of one answer. Records beyond it are left for the next fetch. */
const ANSWER_BYTES = 67_108_864

/** The part of kafkajs's decoder that is used here. */
export interface Decoder {
  readInt32: () => number
  canReadBytes: (length: number) => boolean
  readBytes: (length: number) => Buffer
}

export type DecodeMessages = (decoder: Decoder) => Promise<FetchedRecord[]>

const budgets = new WeakMap<Decoder, FetchBudget>()

/**
 * Decodes a fetch with our own decoder, because kafkajs's has these defects:
 * - It knows gzip only. Any other codec ends the consumer.
 * - It decompresses without a limit, and ignores checksums.
 * - One record that it cannot decode fails the whole fetch, with all its partitions, forever.
 * - It puts headers into an object with a prototype: a header called `toString` becomes a list with a function in it.
 * - Its time grows with the square of the number of headers.
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
