import { discardDeadLetter, listDeadLetters, replayDeadLetter } from '@orders/outbox'
import { configOrExit, loadConfig, postgresSettings, withDatabaseTls } from '@orders/service-kit'
import pg from 'pg'
import { Type } from 'typebox'

const USAGE = `usage: dead-letters list | replay ID... | replay --all | discard ID...
Works on the database DATABASE_URL, as a role with the grants of outbox_operator.`

// The operator's tool for events that Kafka refused: see docs/operations.md.
const { DATABASE_URL: url, DATABASE_SSL_CA_FILE: ca } = postgresSettings
const { DATABASE_URL } = configOrExit('dead-letters', () => withDatabaseTls(loadConfig(Type.Object({ DATABASE_URL: url, DATABASE_SSL_CA_FILE: ca }), { prefixes: [] })))
const client = new pg.Client({ connectionString: DATABASE_URL, application_name: 'dead-letters' })
await client.connect()
try {
  const [command, ...args] = process.argv.slice(2)
  switch (command) {
    case 'list':
      for (const letter of await listDeadLetters(client)) console.log(JSON.stringify(letter, bigintAsText))
      break
    case 'replay':
      for (const id of await idsFrom(args)) {
        await replayDeadLetter(client, id)
        console.log(`replayed ${id}`)
      }
      break
    case 'discard':
      for (const id of parseIds(args)) {
        await discardDeadLetter(client, id)
        console.log(`discarded ${id}`)
      }
      break
    default:
      console.error(USAGE)
      process.exitCode = 2
  }
} finally {
  await client.end()
}

async function idsFrom (args: string[]): Promise<bigint[]> {
  if (args[0] !== '--all') return parseIds(args)
  const letters = await listDeadLetters(client, 1_000_000)
  return letters.filter(({ replayedAt }) => replayedAt === null).map(({ id }) => id)
}

function parseIds (args: string[]): bigint[] {
  const wrong = args.find((arg) => !/^[0-9]{1,19}$/.test(arg))
  if (wrong !== undefined || args.length === 0) throw new Error(`expected ids of dead letters, found ${JSON.stringify(wrong ?? 'none')}\n${USAGE}`)
  return args.map(BigInt)
}

function bigintAsText (_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
