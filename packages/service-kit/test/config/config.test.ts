import { ConfigError, httpSettings, loadConfig, opsSettings, postgresSettings } from '@orders/service-kit'
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

t.test('values are parsed by type, defaults are filled in, other variables are ignored', async (t) => {
  t.same(load({ ...url, RELAY_BATCH: '7', RELAY_FAST: 'true', RELAY_MODE: 'b', PATH: '/bin', RELAY_NOTE: '' }), {
    DATABASE_URL: 'postgres://h/d', RELAY_BATCH: 7, RELAY_MODE: 'b', RELAY_FAST: true
  })
  t.same(load(url), { ...url, RELAY_BATCH: 100, RELAY_MODE: 'a', RELAY_FAST: false })
  t.ok(Object.isFrozen(load(url)))
})

t.test('only decimal numbers are numbers', async (t) => {
  for (const text of ['12abc', ' 7', '7 ', '1e3', '1e999', '0x10', 'NaN', '--1', '1.', '99999999999999999999']) {
    t.match(problemsOf({ ...url, RELAY_BATCH: text }), [/^RELAY_BATCH: expected a number, found/], text)
  }
  for (const text of ['7.0', '007', '-0', '00']) {
    t.match(problemsOf({ ...url, RELAY_BATCH: text }), [/^RELAY_BATCH: expected a number without leading zeros/], text)
  }
  t.match(problemsOf({ ...url, RELAY_BATCH: '0' }), [/^RELAY_BATCH: must be >= 1, found 0/])
  t.match(problemsOf({ ...url, RELAY_BATCH: '1.5' }), [/^RELAY_BATCH: must be integer, found 1.5/])
  t.match(problemsOf({ ...url, RELAY_FAST: 'yes' }), [/^RELAY_FAST: expected true or false, found "yes"/])
})

t.test('all problems are reported at once, each with its variable', async (t) => {
  t.match(problemsOf({ RELAY_BATCH: 'x', RELAY_MODE: 'c', RELAY_BACTH: '1' }), [
    /^RELAY_BACTH: there is no such setting, did you mean RELAY_BATCH\?$/,
    /^RELAY_BATCH: expected a number/,
    /^DATABASE_URL: expected a value, found none/,
    /^RELAY_MODE: must be one of a, b/
  ])
})

t.test('an invalid value is not repeated: it may be a secret', async (t) => {
  t.notMatch(problemsOf({ DATABASE_URL: 'mysql://user:secret@h/d' }).join(), /secret/)
})

t.test('X_FILE names a file with the value of X', async (t) => {
  const folder = t.testdir({ url: 'postgres://from/file\n' })
  t.equal(load({ DATABASE_URL_FILE: `${folder}/url` }).DATABASE_URL, 'postgres://from/file')
  t.match(problemsOf({ DATABASE_URL_FILE: `${folder}/none` }), [/^DATABASE_URL: DATABASE_URL_FILE cannot be read: ENOENT/])
  t.match(problemsOf({ ...url, DATABASE_URL_FILE: `${folder}/url` }), [/^DATABASE_URL: set together with DATABASE_URL_FILE/])
})

const shared = Type.Object({ ...postgresSettings, ...opsSettings, KAFKA_BROKERS: Type.String({ default: 'b:1' }), KAFKA_SSL_CA_FILE: Type.Optional(Type.String()) })
const loadShared = (env: NodeJS.ProcessEnv) => {
  try {
    return loadConfig(shared, { prefixes: ['RELAY_'], env: { DATABASE_URL: 'postgres://h/d', ...env } })
  } catch (error) {
    return (error as ConfigError).problems
  }
}

t.test('a typo in a shared setting is refused, with the right name', async (t) => {
  t.match(loadShared({ DATABASE_POOLSIZE: '3' }), [/^DATABASE_POOLSIZE: there is no such setting, did you mean DATABASE_POOL_SIZE\?$/])
  t.match(loadShared({ KAFKA_SSL: 'true' }), [/^KAFKA_SSL: there is no such setting, did you mean KAFKA_SSL_CA_FILE\?$/])
  t.match(loadShared({ KAFKA_BROKER: 'k:1' }), [/KAFKA_BROKERS\?$/])
  t.match(loadShared({ OPS_PROT: '1', DATABASE_PASSWORD: 'secret' }), [/^OPS_PROT: .*OPS_PORT\?$/, /^DATABASE_PASSWORD: there is no such setting$/])
})

t.test('variables of other programs do not prevent the start', async (t) => {
  const foreign = {
    // Kubernetes, for Services called kafka, kafka-bootstrap, database and ops.
    KAFKA_SERVICE_HOST: '10.0.0.1',
    KAFKA_SERVICE_PORT: '9092',
    KAFKA_SERVICE_PORT_TCP_CLIENTS: '9092',
    KAFKA_PORT: 'tcp://10.0.0.1:9092',
    KAFKA_PORT_9092_TCP: 'tcp://10.0.0.1:9092',
    KAFKA_PORT_9092_TCP_PROTO: 'tcp',
    KAFKA_PORT_9092_TCP_PORT: '9092',
    KAFKA_PORT_9092_TCP_ADDR: '10.0.0.1',
    KAFKA_BOOTSTRAP_PORT: 'tcp://10.0.0.2:9092',
    DATABASE_PORT_5432_UDP_ADDR: '10.0.0.1',
    DATABASE_SERVICE_HOST: '10.0.0.3',
    RELAY_SERVICE_HOST: '10.0.0.4',
    OPS_PORT: 'tcp://10.0.0.5:80',
    // Other programs.
    KAFKA_HEAP_OPTS: '-Xmx1g',
    HTTP_PROXY: 'http://proxy:3128',
    // Another of our services, from the same ConfigMap.
    SHUTDOWN_DELAY_MS: '1',
    HTTP_PORT: '3000'
  }
  t.match(loadShared(foreign), { DATABASE_URL: 'postgres://h/d', OPS_PORT: 9090 })
  t.match(loadShared({ KAFKA_PORT: '9092' }), [/^KAFKA_PORT: there is no such setting/], 'a port that is only a number is a typo')
})

t.test('the two ports of a service are two', async (t) => {
  const ports = (env: NodeJS.ProcessEnv) => {
    try {
      loadConfig(Type.Object({ ...httpSettings, ...opsSettings }), { prefixes: [], env })
      return []
    } catch (error) {
      return (error as ConfigError).problems
    }
  }
  t.same(ports({ OPS_PORT: '3000' }), ['OPS_PORT: expected another port than HTTP_PORT, found 3000 for both'])
  t.match(ports({ HTTP_PORT: '8080', OPS_PORT: '8080', OPS_HOST: '127.0.0.1' }), [/^OPS_PORT/], 'an address and all addresses')
  t.same(ports({ HTTP_PORT: '0', OPS_PORT: '0' }), [], 'two free ports')
  t.same(ports({ HTTP_PORT: '8080', HTTP_HOST: '10.0.0.1', OPS_PORT: '8080', OPS_HOST: '127.0.0.1' }), [], 'two addresses')
  t.match(ports({ HTTP_HOST: ' ', OPS_HOST: 'a b' }), [/^HTTP_HOST/, /^OPS_HOST/], 'no host has a blank')
})
