import t from 'tap'
import { clusterId } from '../../../servers/cluster-id.ts'

t.test('an id that a command line does not take for an option', async (t) => {
  const ids = Array.from({ length: 1_000 }, clusterId)
  t.equal(new Set(ids).size, ids.length)
  t.same(ids.filter((id) => !/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/.test(id)), [])
})
