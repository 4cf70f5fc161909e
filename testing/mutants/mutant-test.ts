import t, { type Test } from 'tap'
import type { Fixture } from './fixture.ts'

export interface MutantTest {
  /** The bug. */
  mutant: string
  /** The fault that both the mutant and the original code go through. */
  fault: string
  /** The invariants that the mutant has to break: all of these, and no other. */
  breaks: readonly string[]
  run: (t: Test, mutated: boolean) => Promise<Fixture>
}

/** Runs the original code, which must break no invariant, and then the mutant, which must break exactly the given ones. */
export function testMutant ({ mutant, fault, breaks, run }: MutantTest): void {
  t.test(`${mutant}, and ${fault}: breaks ${breaks.join(' and ')}`, async (t) => {
    t.same(await (await run(t, false)).broken(), [], 'the original code breaks no invariant')
    const verdicts = await (await run(t, true)).check()
    const found = verdicts.filter(({ result }) => result === 'broken')
    t.same(found.map(({ invariant }) => invariant), breaks, 'the checker finds the mutant')
    for (const { invariant, examples } of found) t.comment(invariant, JSON.stringify(examples[0]))
  })
}
