import { readFile } from 'node:fs/promises'
import t from 'tap'

const COPIES = [
  ['packages/outbox/sql/001-outbox.sql', 'services/order-api/migrations/002_outbox.sql'],
  ['packages/leader-election/sql/001-leader-lease.sql', 'services/order-api/migrations/004_leader_lease.sql']
] as const

for (const [record, copy] of COPIES) {
  t.test(`${copy} is the DDL of record, ${record}`, async (t) => {
    const read = (path: string) => readFile(new URL(`../${path}`, import.meta.url), 'utf8')
    t.equal(await read(copy), await read(record))
  })
}
