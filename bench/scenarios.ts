import type { Scenario } from './scenario.ts'
import { api } from './scenarios/api.ts'
import { bloat } from './scenarios/bloat.ts'
import { drain } from './scenarios/drain.ts'
import { failover } from './scenarios/failover.ts'
import { latency } from './scenarios/latency.ts'
import { rest } from './scenarios/rest.ts'

/** Every scenario by its name, in the order of docs/performance.md. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = { drain, latency, failover, api, rest, bloat }
