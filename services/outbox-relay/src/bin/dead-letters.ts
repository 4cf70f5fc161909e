import {
  countDeadLetters, DeadLetterNotFoundError, discardDeadLetter, listDeadLetters, replayableDeadLetters, replayDeadLetter
} from '@orders/outbox'
import { configOrExit, connectionOptions, loadConfig, openClient, postgresSettings, withDatabaseTls } from '@orders/service-kit'
import { Type } from 'typebox'

/** How many `list` shows without `--all`. */
const LISTED = 100
const EVERYTHING = 2_147_483_647

const USAGE = `usage: dead-letters list [--all] | replay ID... | replay --all | discard ID...
Works on the database DATABASE_URL, as a role with the grants of outbox_operator.`

// The operator's tool for dead letters: see docs/operations.md.
const { DATABASE_URL: url, DATABASE_SSL_CA_FILE: ca } = postgresSettings
const { DATABASE_URL } = configOrExit('dead-letters', () => withDatabaseTls(loadConfig(Type.Object({ DATABASE_URL: url, DATABASE_SSL_CA_FILE: ca }), { prefixes: [] })))
const client = await openClient(connectionOptions({ url: DATABASE_URL, applicationName: 'dead-letters' }))
try {
  const [command, ...args] = process.argv.slice(2)
  switch (command) {
    case 'list':
      await list(args)
      break
    case 'replay':
      if (args[0] === '--all') await replayAll()
      else {
        for (const id of parseIds(args)) {
          await replayDeadLetter(client, id)
          console.log(`replayed ${id}`)
        }
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

async function list (options: string[]): Promise<void> {
  const all = options[0] === '--all'
  const letters = await listDeadLetters(client, all ? EVERYTHING : LISTED)
  for (const letter of letters) console.log(JSON.stringify(letter, bigintAsText))
  if (letters.length < LISTED || all) return
  const count = await countDeadLetters(client)
  // On stderr: programs read the list on stdout.
  if (count > letters.length) console.error(`listed the first ${letters.length} of ${count} dead letters; "list --all" shows the others`)
}

async function replayAll (): Promise<void> {
  for (const id of await replayableDeadLetters(client)) {
    try {
      await replayDeadLetter(client, id)
      console.log(`replayed ${id}`)
    } catch (error) {
      // Another operator replayed or discarded it meanwhile. The others are still to be replayed.
      if (!(error instanceof DeadLetterNotFoundError)) throw error
    }
  }
}

/** The ids in the order in which the events were written, not in the order of the arguments. */
function parseIds (args: string[]): bigint[] {
  const wrong = args.find((arg) => !/^[0-9]{1,19}$/.test(arg))
  if (wrong !== undefined || args.length === 0) throw new Error(`expected ids of dead letters, found ${JSON.stringify(wrong ?? 'none')}\n${USAGE}`)
  return args.map(BigInt).sort((a, b) => a < b ? -1 : Number(a > b))
}

function bigintAsText (_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
