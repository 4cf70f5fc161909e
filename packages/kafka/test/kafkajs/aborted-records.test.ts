import '@orders/kafka'
import t from 'tap'
import { kafkajsModule } from '../../src/kafkajs/module.ts'
import { filterAborted, type FetchedMessage } from '../../src/kafkajs/patches/aborted-records.ts'

function record (offset: number, producerId: string, key = 'k'): FetchedMessage {
  return { offset: String(offset), key: Buffer.from(key), isControlRecord: false, batchContext: { producerId, inTransaction: true } }
}

function marker (offset: number, producerId: string, type: 'abort' | 'commit'): FetchedMessage {
  return { ...record(offset, producerId), key: Buffer.from([0, 0, 0, type === 'abort' ? 0 : 1]), isControlRecord: true }
}

const offsets = (messages: FetchedMessage[]) => messages.filter(({ isControlRecord }) => !isControlRecord).map(({ offset }) => Number(offset))

t.test('of two overlapping aborted transactions no record is left, in any order of the broker\'s list', async (t) => {
  // B ends first, so the broker lists it first; A began first.
  const messages = [record(0, 'A'), record(1, 'A'), record(2, 'B'), record(3, 'C'), marker(4, 'B', 'abort'), marker(5, 'A', 'abort'), marker(6, 'C', 'commit'), record(7, 'A')]
  const aborted = [{ producerId: 'B', firstOffset: '2' }, { producerId: 'A', firstOffset: '0' }]
  t.same(offsets(filterAborted({ messages, abortedTransactions: aborted })), [3, 7], 'later records of A are kept')
  t.same(offsets(filterAborted({ messages, abortedTransactions: aborted.toReversed() })), [3, 7])
})

t.test('several aborted transactions that began before the fetch are all removed', async (t) => {
  const messages = [record(10, 'A'), record(11, 'B'), marker(12, 'A', 'abort'), marker(13, 'B', 'abort')]
  t.same(offsets(filterAborted({ messages, abortedTransactions: [{ producerId: 'A', firstOffset: '1' }, { producerId: 'B', firstOffset: '2' }] })), [])
})

t.test('a record whose key looks like a marker is treated as a record', async (t) => {
  const messages = [record(0, 'A', '\0\0\0\0'), record(1, 'A'), marker(2, 'A', 'abort')]
  t.same(offsets(filterAborted({ messages, abortedTransactions: [{ producerId: 'A', firstOffset: '0' }] })), [])
  t.same(offsets(filterAborted({ messages: [record(0, 'A')] })), [0])
})

t.test('kafkajs uses our filter', async (t) => {
  t.equal(kafkajsModule('consumer/filterAbortedMessages', 'patches/aborted-records.ts'), filterAborted)
})
