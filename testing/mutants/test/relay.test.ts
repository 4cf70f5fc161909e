import { dropClaim, replayDeadLetter, type SqlClient } from '@orders/outbox'
import { convict } from '../mutant-test.ts'
import { Gate } from '../gate.ts'
import { startRelay } from '../relay-parts.ts'
import { changePublish, changeStatements } from '../seams.ts'
import { enqueueChange, Stage } from '../fixture.ts'

convict({
  mutant: 'the relay remembers the last id and reads what is above it',
  fault: 'a transaction commits late',
  convictedBy: ['I3'],
  async play (t, mutated) {
    const stage = await Stage.open(t)
    const slow = await stage.placeSlowly()
    const fast = await stage.place('create')
    const relay = startRelay(t, stage, { throughDb: mutated ? readAboveLastId : undefined })
    if (fast !== undefined) await stage.untilPublished(fast)
    await slow.commit()
    const later = await stage.place('create')
    if (later !== undefined) await stage.untilPublished(later)
    if (!mutated) await stage.untilOutboxIsEmpty()
    await relay.stop()
    return stage
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

convict({
  mutant: 'completing does not look at the epoch',
  fault: 'the leader sleeps through a take-over',
  convictedBy: ['I10'],
  async play (t, mutated) {
    const stage = await Stage.open(t)
    await stage.place('create')
    const gate = new Gate()
    const former = startRelay(t, stage, {
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
    const successor = startRelay(t, stage, { name: 'successor' })
    await stage.untilOutboxIsEmpty()
    gate.open()
    await former.stop()
    await stage.place('create')
    await stage.untilOutboxIsEmpty()
    await successor.stop()
    return stage
  }
})

convict({
  mutant: 'the relay goes on with an order whose event was refused',
  fault: 'an event is too large, and replayed later',
  convictedBy: ['I7'],
  async play (t, mutated) {
    const stage = await Stage.open(t)
    const order = await stage.place('create', undefined, (client, order, eventType) => enqueueChange(client, order, eventType, 'x'.repeat(5_000)))
    await stage.place('confirm', order?.id)
    const another = await stage.place('create')
    const strict = startRelay(t, stage, {
      name: 'strict',
      maxRecordBytes: 2_000,
      throughDb: (db) => changeStatements(db, (statement) => mutated && statement.text.includes('INSERT INTO outbox_dead_letters')
        ? { ...statement, text: statement.text.replace('true::boolean', 'false::boolean') }
        : statement)
    })
    if (another !== undefined) await stage.untilPublished(another)
    if (mutated && order !== undefined) await stage.untilPublished(order)
    await strict.stop()
    const { rows: [letter] } = await stage.admin.query<{ id: string }>('SELECT id FROM outbox_dead_letters')
    await replayDeadLetter(stage.admin, BigInt(letter?.id ?? 0))
    const generous = startRelay(t, stage, { name: 'generous' })
    await stage.untilOutboxIsEmpty()
    await generous.stop()
    return stage
  }
})

convict({
  mutant: 'a claim is forgotten at a take-over',
  fault: 'the leader crashed after Kafka had the batch',
  convictedBy: ['I8'],
  async play (t, mutated) {
    const stage = await Stage.open(t)
    await stage.place('create')
    let crashed = false
    const relay = startRelay(t, stage, {
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
    await stage.untilOutboxIsEmpty()
    await relay.stop()
    return stage
  }
})

convict({
  mutant: 'records go out without their key',
  fault: 'nothing else',
  convictedBy: ['I6'],
  async play (t, mutated) {
    const stage = await Stage.open(t, { partitions: 2 })
    const order = await stage.place('create')
    let next = 0
    const relay = startRelay(t, stage, {
      throughDelivery: (delivery) => changePublish(delivery, (term, batch) => term.publish(mutated
        ? { ...batch, records: batch.records.map((record) => ({ ...record, key: null, partition: next++ % 2 })) }
        : batch))
    })
    await stage.untilOutboxIsEmpty()
    await stage.place('confirm', order?.id)
    await stage.untilOutboxIsEmpty()
    await relay.stop()
    return stage
  }
})

convict({
  mutant: 'the payload is written anew on the way',
  fault: 'nothing else',
  convictedBy: ['I5'],
  async play (t, mutated) {
    const stage = await Stage.open(t)
    await stage.place('create')
    const relay = startRelay(t, stage, {
      throughDelivery: (delivery) => changePublish(delivery, (term, batch) => term.publish(mutated
        ? { ...batch, records: batch.records.map((record) => ({ ...record, value: JSON.stringify({ ...JSON.parse(String(record.value)) as object, note: '' }) })) }
        : batch))
    })
    await stage.untilOutboxIsEmpty()
    await relay.stop()
    return stage
  }
})
