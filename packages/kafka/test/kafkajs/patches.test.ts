import '@orders/kafka'
import t from 'tap'
import { cacheCoordinators } from '../../src/kafkajs/patches/coordinators.ts'
import { groupMessages, type GroupMessages } from '../../src/kafkajs/patches/group-messages.ts'
import { kafkajsModule, replaceKafkajsModule } from '../../src/kafkajs/module.ts'
import { originalModule } from './original-module.ts'

t.test('messages are grouped as by kafkajs', async (t) => {
  const path = 'producer/groupMessagesPerPartition'
  t.equal(kafkajsModule(path, 'patches/group-messages.ts'), groupMessages, 'kafkajs uses our module')
  const original = originalModule<GroupMessages>(path)
  const options = {
    topic: 'topic',
    partitionMetadata: [{}, {}, {}] as never,
    messages: Array.from({ length: 50 }, (_, index) => ({ key: String(index * 7 % 5), value: String(index) })),
    partitioner: ({ message }: { message: { key?: unknown } }) => Number(message.key) % 3
  }
  t.same(groupMessages(options), original(options))
  t.same(groupMessages({ ...options, partitionMetadata: [] }), original({ ...options, partitionMetadata: [] }))
})

t.test('a transactional producer asks for a coordinator once, and again after a failure', async (t) => {
  let asked = 0
  let failure: Error | undefined
  class Cluster {
    async findGroupCoordinator (_query: { groupId: string, coordinatorType?: number }): Promise<unknown> {
      asked++
      if (failure !== undefined) throw failure
      return asked
    }
  }
  cacheCoordinators(Cluster.prototype)

  const consumer = new Cluster()
  await consumer.findGroupCoordinator({ groupId: 'group', coordinatorType: 0 })
  await consumer.findGroupCoordinator({ groupId: 'group' })
  t.equal(asked, 2, 'a consumer asks every time')

  const producer = new Cluster()
  failure = new Error('not now')
  await t.rejects(producer.findGroupCoordinator({ groupId: 'id', coordinatorType: 1 }), failure)
  failure = undefined
  const first = await producer.findGroupCoordinator({ groupId: 'id', coordinatorType: 1 })
  t.equal(first, 4, 'a failure is not cached')
  t.equal(await producer.findGroupCoordinator({ groupId: 'id', coordinatorType: 1 }), first)
  const group = await producer.findGroupCoordinator({ groupId: 'id', coordinatorType: 0 })
  t.not(group, first, 'a group with the same name as the transactional id has its own entry')
  t.equal(await producer.findGroupCoordinator({ groupId: 'id', coordinatorType: 0 }), group)

  const now = performance.now()
  t.intercept(performance, 'now', { value: () => now + 5_000 })
  t.not(await producer.findGroupCoordinator({ groupId: 'id', coordinatorType: 1 }), first, 'an old answer is not used')
})

t.test('a change that comes too late throws, instead of having no effect', async (t) => {
  t.throws(() => { replaceKafkajsModule('retry', 'this-test.ts', (original) => original) }, /before kafkajs/)
  t.throws(() => kafkajsModule('no-such-module', 'this-test.ts'))
})
