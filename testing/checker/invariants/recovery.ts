import type { Invariant } from '../invariant.ts'

export const recovery: Invariant = {
  id: 'I15',
  title: 'after the faults everything arrives, and every process is ready',
  check ({ description, faults, final }, findings) {
    const { recoveredAt, recoveryDeadlineMs } = description
    for (const fault of faults) findings.expect(fault.to < Infinity, () => ({ problem: 'a fault was never healed', ...fault }))
    const healedAt = faults.reduce((latest, { to }) => Math.max(latest, to), 0)
    findings.expect(recoveredAt !== undefined && recoveredAt - healedAt <= recoveryDeadlineMs, () => ({
      problem: recoveredAt === undefined ? 'not everything arrived' : 'everything arrived too late', healedAt, recoveredAt, recoveryDeadlineMs
    }))
    for (const [process, health] of Object.entries(final.health)) {
      findings.expect(health === 'ready', () => ({ problem: 'not ready at the end', process, health }))
    }
  }
}
