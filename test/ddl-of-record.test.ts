import { readdir, readFile } from 'node:fs/promises'
import t from 'tap'

/** Each file of a DDL of record, and the migration that is its copy. */
const COPIES: Record<string, Record<string, string>> = {
  'packages/outbox/sql': {
    '001-outbox.sql': '002_outbox.sql',
    '002-claim-tokens.sql': '006_claim_tokens.sql',
    '003-scan-bound.sql': '007_outbox_scan.sql',
    '004-shard-versions.sql': '009_shard_versions.sql'
  },
  'packages/leader-election/sql': {
    '001-leader-lease.sql': '004_leader_lease.sql'
  }
}
const MIGRATIONS = 'services/order-api/migrations'

const root = new URL('../', import.meta.url)

for (const [folder, copies] of Object.entries(COPIES)) {
  t.test(`every file of ${folder} has its copy among the migrations, in the same order`, async (t) => {
    const files = (await readdir(new URL(folder, root))).sort()
    t.same(Object.keys(copies).sort(), files, 'a new file needs its migration, and its line in COPIES')
    const migrations = files.map((file) => copies[file] ?? '')
    t.same(migrations, [...migrations].sort())
  })

  for (const [record, copy] of Object.entries(copies)) {
    t.test(`${MIGRATIONS}/${copy} is the DDL of record, ${folder}/${record}`, async (t) => {
      const read = (path: string) => readFile(new URL(path, root), 'utf8')
      t.equal(await read(`${MIGRATIONS}/${copy}`), await read(`${folder}/${record}`))
    })
  }
}
