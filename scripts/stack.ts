// `npm run stack`: Postgres and Kafka alone, for working on a service by hand.
import { startLocalStack } from '@orders/local-stack'

const stack = await startLocalStack({ postgres: true, kafka: true, progress: (line) => { console.log(line) } })
console.log(`DATABASE_URL=${stack.postgres?.url}\nKAFKA_BROKERS=${stack.kafka?.brokers}\nCtrl-C stops both.`)
const keepRunning = setInterval(() => {}, 60_000)
process.once('SIGINT', () => {
  clearInterval(keepRunning)
  void stack.close()
})
