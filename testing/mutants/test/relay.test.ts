import { dropClaim, replayDeadLetter, type SqlClient } from '@orders/outbox'
import { testMutant } from '../mutant-test.ts'
import { Gate } from '../gate.ts'
import { startRelay } from '../relay-parts.ts'
import { changePublish, changeStatements } from '../seams.ts'
import { enqueueChange, Fixture } from '../fixture.ts'

testMutant({
  mutant: 'the relay remembers the last id and reads what is above it',
  fault: 'a transaction commits late',
  breaks: ['I3'],
  async run (t, mutated) {
    const fixture = await Fixture.open(t)
    const slow = await fixture.placeSlowly()
    const fast = await fixture.place('create')
    const relay = startRelay(t, fixture, { throughDb: mutated ? readAboveLastId : undefined })
    if (fast !== undefined) await fixture.untilPublished(fast)
    await slow.commit()
    const later = await fixture.place('create')
    if (later !== undefined) await fixture.untilPublished(later)
    if (!mutated) await fixture.untilOutboxIsEmpty()
    await relay.stop()
    return fixture
  }
})

function readAboveLastId (db: SqlClient): SqlClient {
  let last = 0n
  return {
    async query (statement) {
      if (statement.name?.startsWith('outbox_read') !== true) return db.query(statement)
      const result = await db.query({ ...statement, values: [String(last), ...(statement.values ?? []).slice(1)] })
      for (const [id] of result.rows as unknown as Array<[string]>) last = BigInt(id)
      return result
    }
  }
}

testMutant({
  mutant: 'completing does not look at the epoch',
  fault: 'the leader sleeps through a takeover',
  breaks: ['I10'],
  async run (t, mutated) {
    const fixture = await Fixture.open(t)
    await fixture.place('create')
    const gate = new Gate()
    const former = startRelay(t, fixture, {
      name: 'former',
      throughDb: (db) => changeStatements(db, (statement) => mutated && statement.name?.startsWith('outbox_complete') === true
        ? {
            ...statement,
            text: statement.text
              .replace('AND epoch = $2 AND revision = $3', 'AND $2::bigint IS NOT NULL AND $3::uuid IS NOT NULL AND $4::uuid IS NOT NULL')
            // It leaves no trace in the row either: its successor would notice that.
              .replace(', revision = $4', '')
          }
        : statement),
      throughDelivery: (delivery) => changePublish(delivery, async (term, batch) => {
        await term.publish(batch)
        await gate.pass()
      })
    })
    await gate.arrived
    const successor = startRelay(t, fixture, { name: 'successor' })
    await fixture.untilOutboxIsEmpty()
    gate.open()
    await former.stop()
    await fixture.place('create')
    await fixture.untilOutboxIsEmpty()
    await successor.stop()
    return fixture
  }
})

testMutant({
  mutant: 'the relay goes on with an order whose event was refused',
  fault: 'an event is too large, and replayed later',
  breaks: ['I7'],
  async run (t, mutated) {
    const fixture = await Fixture.open(t)
    const order = await fixture.place('create', undefined, (client, order, eventType) => enqueueChange(client, order, eventType, 'x'.repeat(5_000)))
    await fixture.place('confirm', order?.id)
    const another = await fixture.place('create')
    const strict = startRelay(t, fixture, {
      name: 'strict',
      maxRecordBytes: 2_000,
      throughDb: (db) => changeStatements(db, (statement) => mutated && statement.text.includes('INSERT INTO outbox_dead_letters')
        ? { ...statement, text: statement.text.replace('true::boolean', 'false::boolean') }
        : statement)
    })
    if (another !== undefined) await fixture.untilPublished(another)
    if (mutated && order !== undefined) await fixture.untilPublished(order)
    await strict.stop()
    const { rows: [letter] } = await fixture.admin.query<{ id: string }>('SELECT id FROM outbox_dead_letters')
    await replayDeadLetter(fixture.admin, BigInt(letter?.id ?? 0))
    const generous = startRelay(t, fixture, { name: 'generous' })
    await fixture.untilOutboxIsEmpty()
    await generous.stop()
    return fixture
  }
})

testMutant({
  mutant: 'a claim is forgotten at a takeover',
  fault: 'the leader crashed after Kafka had the batch',
  breaks: ['I8'],
  async run (t, mutated) {
    const fixture = await Fixture.open(t)
    await fixture.place('create')
    let crashed = false
    const relay = startRelay(t, fixture, {
      throughDelivery: (delivery, db) => {
        const crashing = changePublish(delivery, async (term, batch) => {
          await term.publish(batch)
          if (!crashed) {
            crashed = true
            throw new Error('crash')
          }
        })
        return {
          async begin (taken) {
            if (!mutated || taken.outstanding === undefined) return crashing.begin(taken)
            await dropClaim(db, taken.fence, { batch: 0n, token: taken.token })
            return crashing.begin({ ...taken, outstanding: undefined })
          }
        }
      }
    })
    await fixture.untilOutboxIsEmpty()
    await relay.stop()
    return fixture
  }
})

testMutant({
  mutant: 'records go out without their key',
  fault: 'nothing else',
  breaks: ['I6'],
  async run (t, mutated) {
    const fixture = await Fixture.open(t, { partitions: 2 })
    const order = await fixture.place('create')
    let next = 0
    const relay = startRelay(t, fixture, {
      throughDelivery: (delivery) => changePublish(delivery, (term, batch) => term.publish(mutated
        ? { ...batch, records: batch.records.map((record) => ({ ...record, key: null, partition: next++ % 2 })) }
        : batch))
    })
    await fixture.untilOutboxIsEmpty()
    await fixture.place('confirm', order?.id)
    await fixture.untilOutboxIsEmpty()
    await relay.stop()
    return fixture
  }
})

testMutant({
  mutant: 'the payload is written anew on the way',
  fault: 'nothing else',
  breaks: ['I5'],
  async run (t, mutated) {
    const fixture = await Fixture.open(t)
    await fixture.place('create')
    const relay = startRelay(t, fixture, {
      throughDelivery: (delivery) => changePublish(delivery, (term, batch) => term.publish(mutated
        ? { ...batch, records: batch.records.map((record) => ({ ...record, value: JSON.stringify({ ...JSON.parse(String(record.value)) as object, note: '' }) })) }
        : batch))
    })
    await fixture.untilOutboxIsEmpty()
    await relay.stop()
    return fixture
  }
})
