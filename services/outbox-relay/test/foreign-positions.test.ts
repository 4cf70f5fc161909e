import t from 'tap'
import { ForeignPositions, SharedNameError } from '../src/publishing/foreign-positions.ts'

const MINUTE_MS = 60_000

/** Notes one position a second until the limit. @returns the pause that follows, in seconds */
function pauseAfterThree (positions: ForeignPositions, now: number): number {
  try {
    for (let count = 0; count < 3; count++) positions.note(now + count * 1_000)
  } catch (error) {
    if (error instanceof SharedNameError) return Number(/again in (\d+) s/.exec(error.message)?.[1])
    throw error
  }
  throw new Error('expected a SharedNameError, found none')
}

t.test('one foreign position for each restore is not taken for a shared name, however many restores there are', async (t) => {
  const positions = new ForeignPositions('relay', 0)
  for (let restore = 0; restore < 10; restore++) positions.note(restore * 6 * MINUTE_MS)
  t.pass('nothing was thrown')
})

t.test('the pause grows to two minutes while the other database publishes, and is short again after a quiet time', async (t) => {
  const positions = new ForeignPositions('relay', 0)
  const pauses = Array.from({ length: 6 }, (_, round) => pauseAfterThree(positions, round * 3 * MINUTE_MS))
  t.same(pauses, [10, 20, 40, 80, 120, 120])
  t.equal(pauseAfterThree(positions, 60 * MINUTE_MS), 10)
})
