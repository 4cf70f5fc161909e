import type { Fence, SqlClient, Statement } from '@orders/outbox'
import type { Batch } from '../../services/outbox-relay/src/publishing/batch.ts'
import type { Delivery } from '../../services/outbox-relay/src/publishing/delivery.ts'

/** Changes the relay's SQL statements, found by their names. */
export function changeStatements (db: SqlClient, change: (statement: Statement) => Statement): SqlClient {
  return { query: (statement) => db.query(change(statement)) }
}

/** The part of the term that a mutant of {@link changePublish} gets. Its `publish` also completes the previous batch; a mutant that does not call it completes its own. */
export interface ChangedTerm {
  readonly fence: Fence
  publish: (batch: Batch) => Promise<void>
}

/** Changes how a batch is published. */
export function changePublish (delivery: Delivery, change: (term: ChangedTerm, batch: Batch) => Promise<void>): Delivery {
  return {
    async begin (taken) {
      const { fence, publish, close } = await delivery.begin(taken)
      return {
        fence,
        publish: (batch, before) => change({ fence, publish: (changed) => publish(changed, before) }, batch),
        close
      }
    }
  }
}
