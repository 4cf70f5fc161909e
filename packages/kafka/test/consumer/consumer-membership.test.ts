import { testTopic, until } from '@orders/testing/framework'
import t from 'tap'
import { consume, numbered, openAdmin, publish, valuesOf } from '../clients.ts'

const SESSION_TIMEOUT_MS = 6_000

t.test('two members share the partitions, and one takes over all of them when the other leaves', async (t) => {
  const server = await testTopic(t)
  const seen = { a: new Set<number>(), b: new Set<number>() }
  const a = consume(t, server, async ({ partition }) => { seen.a.add(partition) })
  consume(t, server, async ({ partition }) => { seen.b.add(partition) })
  const values = numbered(60)
  await until(async () => {
    await publish(server, values)
    return seen.a.size > 0 && seen.b.size > 0
  }, { what: 'both to have partitions' })
  await a.stop()
  seen.b.clear()
  await until(async () => {
    await publish(server, values)
    return seen.b.size === 3
  }, { what: 'the other member to have all partitions' })
})

t.test('a batch that takes longer than the session timeout keeps the membership', async (t) => {
  const server = await testTopic(t, { partitions: 1 })
  const admin = await openAdmin(t, server)
  await publish(server, ['slow'])
  const given: string[] = []
  let finished = false
  const consumer = consume(t, server, async (batch) => {
    given.push(...valuesOf(batch))
    const startedAt = performance.now()
    await until(() => performance.now() - startedAt > SESSION_TIMEOUT_MS * 1.5, { what: 'a batch longer than the session' })
    finished = true
  })
  await until(() => finished, { what: 'the end of the batch' })
  t.equal(await admin.countMembers(`group-${server.topic}`), 1)
  await consumer.stop()
  t.same(given, ['slow'], 'given once')
  t.equal((await admin.committedOffsets(`group-${server.topic}`, server.topic)).get(0), 1n)
})

t.test('a process that was frozen for longer than its session joins again, and reads uncommitted records again', async (t) => {
  const server = await testTopic(t, { partitions: 1 })
  const admin = await openAdmin(t, server)
  await publish(server, ['a'])
  const given: string[] = []
  consume(t, server, async (batch) => {
    given.push(...valuesOf(batch))
    // Blocks the event loop, so no timer runs: like SIGSTOP or a long garbage collection.
    if (given.length === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SESSION_TIMEOUT_MS * 1.5)
  })
  await until(() => given.length >= 2, { what: 'the record to be given again', deadlineMs: 60_000 })
  await until(async () => (await admin.committedOffsets(`group-${server.topic}`, server.topic)).get(0) === 1n, { what: 'its offset to be committed' })
  t.same([...new Set(given)], ['a'])
})

t.test('a member that joins during a batch causes no fatal error and no loss', async (t) => {
  const server = await testTopic(t)
  const admin = await openAdmin(t, server)
  const values = numbered(60)
  await publish(server, values)
  const seen = { a: [] as string[], b: [] as string[] }
  let goOn: (() => void) | undefined
  const held = new Promise<void>((resolve) => { goOn = resolve })
  consume(t, server, async (batch) => {
    await held
    seen.a.push(...valuesOf(batch))
  }, { maxBatchRecords: 5 })
  await until(async () => await admin.countMembers(`group-${server.topic}`) === 1, { what: 'the first member' })
  consume(t, server, async (batch) => { seen.b.push(...valuesOf(batch)) })
  await until(async () => await admin.countMembers(`group-${server.topic}`) === 2, { what: 'the second member to ask to join' })
  goOn?.()
  await until(() => new Set([...seen.a, ...seen.b]).size === 60, { what: 'all records' })
  await until(async () => {
    await publish(server, numbered(60, 'more'))
    return seen.a.some((value) => value.startsWith('more')) && seen.b.some((value) => value.startsWith('more'))
  }, { what: 'both members to go on' })
})

t.test('stop finishes the batch in hand, commits it, and leaves the group', async (t) => {
  const server = await testTopic(t, { partitions: 1 })
  const admin = await openAdmin(t, server)
  await publish(server, numbered(20))
  let begun = false
  let goOn: (() => void) | undefined
  const held = new Promise<void>((resolve) => { goOn = resolve })
  const given: string[] = []
  const consumer = consume(t, server, async (batch) => {
    begun = true
    await held
    given.push(...valuesOf(batch))
  }, { maxBatchRecords: 10 })
  await until(() => begun, { what: 'a batch in hand' })
  const stopped = consumer.stop()
  goOn?.()
  await stopped
  t.same(given, numbered(10), 'the part in hand, and no other')
  t.equal((await admin.committedOffsets(`group-${server.topic}`, server.topic)).get(0), 10n)
  t.equal(await admin.countMembers(`group-${server.topic}`), 0)
})

t.test('stop does not wait for a failing batch to succeed', async (t) => {
  const server = await testTopic(t, { partitions: 1 })
  const admin = await openAdmin(t, server)
  await publish(server, ['a'])
  let attempts = 0
  const consumer = consume(t, server, async () => {
    attempts++
    throw new Error('Postgres is unreachable')
  })
  await until(() => attempts > 2, { what: 'some attempts' })
  await consumer.stop()
  t.equal((await admin.committedOffsets(`group-${server.topic}`, server.topic)).get(0), undefined)
  t.equal(await admin.countMembers(`group-${server.topic}`), 0)
})
