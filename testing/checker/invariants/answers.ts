import type { Answer } from '../entry.ts'
import type { AnswerRow } from '../final-state.ts'
import type { Invariant } from '../invariant.ts'

export const answers: Invariant = {
  id: 'I18',
  title: 'every acknowledged request has its stored answer, and every request with its key got that answer',
  check (ledger, findings) {
    for (const { outcome, key, order = '', version = 0, status = '', again, f } of ledger.operations) {
      if (outcome !== 'ok' || key === undefined) continue
      const stored = ledger.answers.get(key)
      const undone = ledger.undoneAnswers(key)
      for (const given of [{ order, version, status }, ...again]) {
        if (stored === undefined || !same(given, stored)) {
          // Once more after a restore: it is carried out anew, or there is nothing to carry out any more.
          if (undone.some((answer) => same(given, answer) || given.status === 'refused')) {
            findings.explained++
            continue
          }
        }
        findings.expect(stored !== undefined && same(given, stored), () => ({
          problem: stored === undefined ? 'acknowledged, and no answer is stored under its key' : 'another answer than the one that is stored under its key', f, key, given, stored
        }))
      }
    }
  }
}

function same (one: Answer, other: AnswerRow): boolean {
  return one.order === other.order && one.version === other.version && one.status === other.status
}
