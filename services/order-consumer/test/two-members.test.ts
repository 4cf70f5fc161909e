import { until } from '@orders/testing/framework'
import t from 'tap'
import { metric, setUp } from './order-consumer.ts'
import { eventIdOf, lives } from './order-events.ts'

t.test('two members, one killed: the other takes over its partitions, and each event has one effect', async (t) => {
  const fixture = await setUp(t, { partitions: 4 })
  const [first, second] = [await fixture.start(), await fixture.start()]
  await until(async () => await fixture.admin.countMembers(fixture.group) === 2, { what: 'both members' })
  const events = lives(400, 5)
  let published = 0
  const publishMore = async () => {
    await fixture.publish(events.slice(published, published + 50))
    published += 50
  }
  await until(async () => {
    await publishMore()
    return await metric(first, 'consumer_applied_total') > 0 && await metric(second, 'consumer_applied_total') > 0
  }, { what: 'both to have a part of the work' })

  first.kill('SIGKILL')
  await first.exited()
  while (published < events.length) await publishMore()
  await until(async () => (await fixture.stats()).applied >= events.length, { what: 'the other one to do all the rest', deadlineMs: 60_000 })
  t.same(await fixture.effects(), events.map(eventIdOf).sort())
  t.match(await fixture.stats(), { applied: events.length, gaps: 0, deadLetters: 0 })
  await fixture.caughtUp()
})
