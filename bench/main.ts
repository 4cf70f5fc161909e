// `npm run bench`: measures, on a Postgres and a Kafka of its own. See docs/performance.md.
import { Kafka, Postgres } from '@orders/testing/servers'
import { withClient } from '@orders/testing/framework'
import { parseOptions, USAGE, type BenchOptions } from './options.ts'
import { renderDocument } from './render-document.ts'
import { renderGoals, renderResult } from './render-results.ts'
import { createResult, LOCAL, RECORDED, versionsOf, writeResult } from './result.ts'
import type { Case, Scenario } from './scenario.ts'
import { SCENARIOS } from './scenarios.ts'

const say = (line: string) => { console.error(line) }

/** New servers for every run: dead rows and full caches of one run must not affect the next one. */
async function runOnce ({ run }: Scenario, quick: boolean): Promise<{ cases: Case[], versions: Record<string, string> }> {
  await using stack = new AsyncDisposableStack()
  const scope = { teardown: (work: () => Promise<unknown> | unknown) => { stack.defer(async () => { await work() }) } }
  const postgres = await Postgres.start()
  stack.defer(() => postgres.close())
  const kafka = await Kafka.start({ progress: say })
  stack.defer(() => kafka.close())
  return { cases: await run({ postgres, kafka, quick, scope, say }), versions: versionsOf(await postgresVersion(postgres.url)) }
}

async function postgresVersion (url: string): Promise<string> {
  const { rows } = await withClient(url, (client) => client.query<{ server_version: string }>('SHOW server_version'))
  return rows[0]?.server_version ?? 'unknown'
}

async function bench ({ scenarios, quick, repeat, record }: BenchOptions): Promise<void> {
  for (const name of scenarios) {
    const scenario = SCENARIOS[name] as Scenario
    const runs: Case[][] = []
    let versions = {}
    for (let count = 1; count <= repeat; count++) {
      say(`== ${name}${repeat === 1 ? '' : `, ${count} of ${repeat}`}`)
      const run = await runOnce(scenario, quick)
      runs.push(run.cases)
      versions = run.versions
    }
    const result = createResult(name, quick, versions, runs)
    await writeResult(record ? RECORDED : LOCAL, result)
    console.log(`${renderResult(result)}\n\n${renderGoals(result).join('\n')}\n`)
  }
  if (record) await renderDocument()
}

let options: BenchOptions
try {
  options = parseOptions(process.argv.slice(2))
} catch (error) {
  console.error(`${(error as Error).message}\n${USAGE}`)
  process.exit(2)
}
await bench(options)
