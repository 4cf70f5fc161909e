import t, { type Test } from 'tap'
import type { Stage } from './fixture.ts'

export interface Scenario {
  /** The mistake. */
  mutant: string
  /** What happens to both, the mutant and the product's own code. */
  fault: string
  /** The invariants that have to convict the mutant: all of these, and no other. */
  convictedBy: readonly string[]
  play: (t: Test, mutated: boolean) => Promise<Stage>
}

/** Plays the scenario twice: the product's own code has to be acquitted, and the mutant convicted. */
export function convict ({ mutant, fault, convictedBy, play }: Scenario): void {
  t.test(`${mutant}, and ${fault}: convicted by ${convictedBy.join(' and ')}`, async (t) => {
    t.same(await (await play(t, false)).broken(), [], 'without the mistake everything holds')
    const verdicts = await (await play(t, true)).judge()
    const found = verdicts.filter(({ result }) => result === 'broken')
    t.same(found.map(({ invariant }) => invariant), convictedBy, 'the mistake is found')
    for (const { invariant, examples } of found) t.comment(invariant, JSON.stringify(examples[0]))
  })
}
