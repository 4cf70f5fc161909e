import type { SqlClient, Statement } from '@orders/outbox'
import type { Batch } from '../../../services/outbox-relay/src/batch.ts'
import type { Delivery, Term } from '../../../services/outbox-relay/src/delivery.ts'

/** Changes the relay's statements on their way, by their names. */
export function changeStatements (db: SqlClient, change: (statement: Statement) => Statement): SqlClient {
  return { query: (statement) => db.query(change(statement)) }
}

/** Changes how a batch is published. */
export function changePublish (delivery: Delivery, change: (term: Term, batch: Batch) => Promise<void>): Delivery {
  return {
    async begin (taken) {
      const term = await delivery.begin(taken)
      return { fence: term.fence, publish: (batch) => change(term, batch), close: () => term.close() }
    }
  }
}
