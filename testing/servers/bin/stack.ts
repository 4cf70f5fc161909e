// `npm run stack`: Postgres and Kafka alone, for working on a service by hand. `-- --kubernetes` adds an API server.
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { MissingToolError, startLocalStack } from '../index.ts'

const { values: { kubernetes } } = parseArgs({ options: { kubernetes: { type: 'boolean', default: false } } })
try {
  // Interrupted before it runs, we just end: the servers have guards that end them with us.
  const stack = await startLocalStack({ postgres: true, kafka: true, kubernetes, progress: (line) => { console.log(line) } })
  console.log(`DATABASE_URL=${stack.postgres?.url}\nKAFKA_BROKERS=${stack.kafka?.brokers}`)
  if (stack.kubernetes !== undefined) console.log(`LOCAL_STACK_KUBECONFIG=${stack.kubernetes.kubeconfig}`)
  console.log('Ctrl-C stops them.')
  const keepRunning = setInterval(() => {}, 60_000)
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  clearInterval(keepRunning)
  await stack.close()
} catch (error) {
  console.error(error instanceof MissingToolError ? error.message : error)
  process.exitCode = 1
}
