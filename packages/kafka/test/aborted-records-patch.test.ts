import '@orders/kafka'
import { createRequire } from 'node:module'
import t from 'tap'
import { filterAborted, type FetchedMessage } from '../src/kafkajs/patches/aborted-records.ts'

function record (offset: number, producerId: string, key = 'k'): FetchedMessage {
  return { offset: String(offset), key: Buffer.from(key), isControlRecord: false, batchContext: { producerId, inTransaction: true } }
}

function marker (offset: number, producerId: string, type: 'abort' | 'commit'): FetchedMessage {
  return { ...record(offset, producerId), key: Buffer.from([0, 0, 0, type === 'abort' ? 0 : 1]), isControlRecord: true }
}

const offsets = (messages: FetchedMessage[]) => messages.filter(({ isControlRecord }) => !isControlRecord).map(({ offset }) => Number(offset))

t.test('two transactions aborted together leave nothing, in whatever order the broker lists them', async (t) => {
  // B ends first, so the broker lists it first; A began first.
  const messages = [record(0, 'A'), record(1, 'A'), record(2, 'B'), record(3, 'C'), marker(4, 'B', 'abort'), marker(5, 'A', 'abort'), marker(6, 'C', 'commit'), record(7, 'A')]
  const aborted = [{ producerId: 'B', firstOffset: '2' }, { producerId: 'A', firstOffset: '0' }]
  t.same(offsets(filterAborted({ messages, abortedTransactions: aborted })), [3, 7], 'A is heard again after its end')
  t.same(offsets(filterAborted({ messages, abortedTransactions: aborted.toReversed() })), [3, 7])
})

t.test('several that began before the first record fetched are all left out', async (t) => {
  const messages = [record(10, 'A'), record(11, 'B'), marker(12, 'A', 'abort'), marker(13, 'B', 'abort')]
  t.same(offsets(filterAborted({ messages, abortedTransactions: [{ producerId: 'A', firstOffset: '1' }, { producerId: 'B', firstOffset: '2' }] })), [])
})

t.test('a record whose key looks like a marker is a record', async (t) => {
  const messages = [record(0, 'A', '\0\0\0\0'), record(1, 'A'), marker(2, 'A', 'abort')]
  t.same(offsets(filterAborted({ messages, abortedTransactions: [{ producerId: 'A', firstOffset: '0' }] })), [])
  t.same(offsets(filterAborted({ messages: [record(0, 'A')] })), [0])
})

t.test('kafkajs itself uses it', async (t) => {
  t.equal(createRequire(new URL('../', import.meta.url))('kafkajs/src/consumer/filterAbortedMessages'), filterAborted)
})
