import { Random as SeededRandom } from '@orders/testing/framework/random'

/** The seeded random numbers of the tests, with the two draws that only a simulation needs. */
export class Random extends SeededRandom {
  /** A real number from `min` up to, not including, `max`. */
  real (min: number, max: number): number {
    return min + this.next() * (max - min)
  }

  /** True with this probability. */
  chance (probability: number): boolean {
    return this.next() < probability
  }
}
