import type { Kafka, Postgres } from '@orders/testing/servers'
import type { TestContext } from '@orders/testing/framework'

/** What a figure is to reach. */
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
  /** Small and short, to see whether everything works; the figures mean little. */
  quick: boolean
  /** What a scenario starts, it hands over here to be ended. */
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
