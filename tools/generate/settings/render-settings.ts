import { ROLES } from '@orders/testing/framework'
import { settings as orderApi } from '@orders/order-api'
import { settings as orderConsumer } from '@orders/order-consumer'
import { settings as outboxRelay } from '@orders/outbox-relay'
import { awaitSchemaSettings } from '@orders/service-kit/await-schema'
import { migrationSettings } from '@orders/service-kit/migrate'
import type { TObject } from 'typebox'

interface Setting {
  type?: string
  enum?: readonly string[]
  default?: unknown
  description?: string
  minimum?: number
  maximum?: number
}

/** A program and its schema. */
type Program = readonly [name: string, schema: TObject]

const SERVICES: readonly Program[] = [['order-api', orderApi], ['outbox-relay', outboxRelay], ['order-consumer', orderConsumer]]
const MIGRATIONS: readonly Program[] = Object.entries(ROLES).map(([service, roles]) => [service, migrationSettings(roles)])

const INTRODUCTION = `# Settings

Every setting is an environment variable. They are read once, at the start; a service with a setting that it cannot use, or
with a variable of its own or a shared prefix (\`DATABASE_\`, \`KAFKA_\` …) that does not exist, prints everything that is wrong and ends with exit code 1.

- Any \`X\` can be given as \`X_FILE\`, the name of a file with the value: for passwords and for URLs with passwords.
- An empty value counts as not set. Numbers are written with digits, truth values as \`true\` or \`false\`.
- What Kubernetes puts into the environment for its Services (\`KAFKA_SERVICE_HOST\`, \`KAFKA_PORT=tcp://…\`) is ignored, also where it has the name
  of a setting. \`enableServiceLinks: false\` keeps it away.

This file is generated: \`npm run settings\`.
`

/** The text of docs/settings.md. */
export function renderSettings (): string {
  const shared = names(SERVICES).filter((name) => usersOf(name, SERVICES).length > 1)
  return [
    INTRODUCTION,
    section('Shared by services', table(shared, SERVICES, { showUsers: true })),
    ...SERVICES.map(([service, schema]) =>
      section(service, table(namesOf(schema).filter((name) => !shared.includes(name)), [[service, schema]]))),
    section('Migration jobs', `${MIGRATION_NOTE}\n\n${table(names(MIGRATIONS), MIGRATIONS, { showUsers: true })}`),
    section('Waiting for the migrations', `${AWAIT_NOTE}\n\n${table(namesOf(awaitSchemaSettings), [['await-schema', awaitSchemaSettings]])}`)
  ].join('\n')
}

const MIGRATION_NOTE = 'For `src/bin/migrate.ts` of the service named. `DATABASE_URL` is here the one of the database\'s owner, who may create roles.'
const AWAIT_NOTE = 'For `src/bin/await-schema.ts` of order-api and order-consumer, which ends when every migration of its service has been applied.'

function section (title: string, text: string): string {
  return `## ${title}\n\n${text}\n`
}

function table (variables: readonly string[], programs: readonly Program[], { showUsers = false } = {}): string {
  const header = ['Variable', 'Default', 'Values', 'Meaning', ...(showUsers ? ['Used by'] : [])]
  const rows = variables.map((variable) => {
    const users = usersOf(variable, programs)
    return [...describe(variable, users), ...(showUsers ? [users.map(([name]) => name).join(', ')] : [])]
  })
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function describe (variable: string, users: readonly Program[]): string[] {
  const descriptions = users.map(([, schema]) => {
    const setting = schema.properties[variable] as Setting
    const required = schema.required?.includes(variable) === true && setting.default === undefined
    return [`\`${variable}\``, required ? '**required**' : showDefault(setting.default), values(setting), (setting.description ?? '').replaceAll('|', '\\|')]
  })
  const [first = []] = descriptions
  if (descriptions.some((other) => other.join() !== first.join())) throw new Error(`${variable} means different things in ${users.map(([name]) => name).join(', ')}`)
  return first
}

function showDefault (value: unknown): string {
  return value === undefined || value === '' ? '' : `\`${String(value)}\``
}

function values ({ type, enum: allowed, minimum, maximum }: Setting): string {
  if (allowed !== undefined) return allowed.map((value) => `\`${value}\``).join(' ')
  if (type === 'integer') return `${minimum} to ${maximum}`
  return type === 'boolean' ? '`true` `false`' : 'text'
}

function names (programs: readonly Program[]): string[] {
  return [...new Set(programs.flatMap(([, schema]) => namesOf(schema)))]
}

function namesOf (schema: TObject): string[] {
  return Object.keys(schema.properties)
}

function usersOf (variable: string, programs: readonly Program[]): Program[] {
  return programs.filter(([, schema]) => variable in schema.properties)
}
