import t from 'tap'
import { Random } from '../random.ts'

t.test('a seed gives the same numbers forever: recorded runs depend on them', async (t) => {
  const random = new Random(8)
  t.same(Array.from({ length: 4 }, () => random.below(1_000)), [156, 625, 300, 695])
})

t.test('each method keeps within its bounds', async (t) => {
  const random = new Random(1)
  for (let count = 0; count < 1_000; count++) {
    t.ok(random.between(5, 7) < 7)
    const uniform = random.uniform(0.5, 1.5)
    if (uniform < 0.5 || uniform >= 1.5) t.fail(`${uniform} is not from 0.5 to 1.5`)
  }
  t.equal(random.chance(0), false)
  t.equal(random.chance(1), true)
  t.throws(() => random.pick([]), /empty/)
  t.ok(['a', undefined].includes(random.pick(['a', undefined])))
})
