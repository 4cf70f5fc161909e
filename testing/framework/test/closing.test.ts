import t from 'tap'
import { closeAll } from '../closing.ts'

t.test('everything is closed, the newest first, and every failure is reported', async (t) => {
  const stack = new AsyncDisposableStack()
  const closed: number[] = []
  for (const each of [1, 2, 3, 4]) {
    stack.defer(async () => {
      closed.push(each)
      if (each !== 3) throw new Error(`closing ${each}`)
    })
  }
  const errors: string[] = []
  await closeAll(stack, ({ message }) => { errors.push(message) })
  t.same(closed, [4, 3, 2, 1])
  t.same(errors, ['closing 4', 'closing 2', 'closing 1'])
})
