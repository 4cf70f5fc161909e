import type { Kafka, Postgres } from '@orders/testing/servers'
import type { TestContext } from '@orders/testing/framework'

/** The goal of a figure. */
export type Goal = { atLeast: number } | { atMost: number }

export interface Figure {
  name: string
  value: number
  unit: string
  goal?: Goal
}

/** One line of a scenario's table. */
export interface Case {
  name: string
  figures: Figure[]
}

export interface Bench {
  postgres: Postgres
  kafka: Kafka
  /** Small and short, to try whether everything works; the figures mean little. */
  quick: boolean
  /** Ends what a scenario started. */
  scope: TestContext
  say: (line: string) => void
}

export interface Scenario {
  /** Heading of its table. */
  title: string
  /** What is measured and how, in a sentence or two. */
  method: string
  run: (bench: Bench) => Promise<Case[]>
}
