import { ConfigError, loadConfig } from '@orders/service-kit'
import t from 'tap'
import { Type } from 'typebox'

const schema = Type.Object({
  DATABASE_URL: Type.String({ pattern: '^postgres://' }),
  RELAY_BATCH: Type.Integer({ default: 100, minimum: 1, maximum: 1_000 }),
  RELAY_MODE: Type.Enum(['a', 'b'], { default: 'a' }),
  RELAY_FAST: Type.Boolean({ default: false }),
  RELAY_NOTE: Type.Optional(Type.String())
})
const load = (env: NodeJS.ProcessEnv) => loadConfig(schema, { prefixes: ['RELAY_'], env })
const url = { DATABASE_URL: 'postgres://h/d' }

function problemsOf (env: NodeJS.ProcessEnv): readonly string[] {
  try {
    load(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
  }
  return []
}

t.test('values are read with their types, defaults filled in, the rest of the environment ignored', async (t) => {
  t.same(load({ ...url, RELAY_BATCH: '7', RELAY_FAST: 'true', RELAY_MODE: 'b', PATH: '/bin', RELAY_NOTE: '' }), {
    DATABASE_URL: 'postgres://h/d', RELAY_BATCH: 7, RELAY_MODE: 'b', RELAY_FAST: true
  })
  t.same(load(url), { ...url, RELAY_BATCH: 100, RELAY_MODE: 'a', RELAY_FAST: false })
  t.ok(Object.isFrozen(load(url)))
})

t.test('what is no number is not taken for one', async (t) => {
  for (const text of ['12abc', ' 7', '7 ', '1e3', '1e999', '0x10', 'NaN', '--1', '1.', '99999999999999999999']) {
    t.match(problemsOf({ ...url, RELAY_BATCH: text }), [/^RELAY_BATCH: expected a number, found/], text)
  }
  t.match(problemsOf({ ...url, RELAY_BATCH: '0' }), [/^RELAY_BATCH: must be >= 1, found 0/])
  t.match(problemsOf({ ...url, RELAY_BATCH: '1.5' }), [/^RELAY_BATCH: must be integer, found 1.5/])
  t.match(problemsOf({ ...url, RELAY_FAST: 'yes' }), [/^RELAY_FAST: expected true or false, found "yes"/])
})

t.test('everything that is wrong is said at once, each with its variable', async (t) => {
  t.match(problemsOf({ RELAY_BATCH: 'x', RELAY_MODE: 'c', RELAY_BACTH: '1' }), [
    /^RELAY_BACTH: there is no such setting, did you mean RELAY_BATCH\?$/,
    /^RELAY_BATCH: expected a number/,
    /^DATABASE_URL: expected a value, found none/,
    /^RELAY_MODE: must be one of a, b/
  ])
})

t.test('a value that is wrong is not repeated: it may be a secret', async (t) => {
  t.notMatch(problemsOf({ DATABASE_URL: 'mysql://user:secret@h/d' }).join(), /secret/)
})

t.test('X_FILE gives the value of X by a file', async (t) => {
  const folder = t.testdir({ url: 'postgres://from/file\n' })
  t.equal(load({ DATABASE_URL_FILE: `${folder}/url` }).DATABASE_URL, 'postgres://from/file')
  t.match(problemsOf({ DATABASE_URL_FILE: `${folder}/none` }), [/^DATABASE_URL: DATABASE_URL_FILE cannot be read: ENOENT/])
  t.match(problemsOf({ ...url, DATABASE_URL_FILE: `${folder}/url` }), [/^DATABASE_URL: set together with DATABASE_URL_FILE/])
})
