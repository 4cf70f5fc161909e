import { createKafka, kafkaProblems, KafkaSettingsError, kafkaSettings, type KafkaSettings } from '@orders/kafka'
import { pino } from 'pino'
import t from 'tap'

const BROKERS = { KAFKA_BROKERS: 'kafka:9092' }
const USER = { KAFKA_SASL_USERNAME: 'consumer' }
const LOGIN = { ...USER, KAFKA_SASL_PASSWORD: 'secret' }
const MECHANISM = { KAFKA_SASL_MECHANISM: 'scram-sha-512' } as const

t.test('brokers are host:port, separated by commas', async (t) => {
  const pattern = new RegExp(String((kafkaSettings.KAFKA_BROKERS as { pattern?: string }).pattern))
  for (const brokers of ['kafka:9092', 'a.b-c.d:1,10.0.0.1:65535']) t.match(brokers, pattern)
  for (const brokers of ['', 'kafka', 'kafka:', ':9092', 'kafka:0', 'kafka:65536', 'kafka:99999', 'kafka:9092,', ',kafka:9092', 'a:1, b:2', 'PLAINTEXT://kafka:9092', '[::1]:9092', 'kafka:9092:1']) {
    t.notMatch(brokers, pattern, JSON.stringify(brokers))
  }
})

t.test('settings that contradict each other, or name an unusable file, are refused with their names', async (t) => {
  const folder = t.testdir({ empty: '\n', password: 'secret\n', text: 'no certificate' })
  const bad: Array<[Partial<KafkaSettings>, RegExp[]]> = [
    [USER, [/^KAFKA_SASL_MECHANISM: expected together with KAFKA_SASL_USERNAME, found none$/]],
    [LOGIN, [/^KAFKA_SASL_MECHANISM: expected together with KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD, found none$/]],
    [{ ...MECHANISM, ...USER }, [/^KAFKA_SASL_PASSWORD: /]],
    [{ ...MECHANISM, KAFKA_SASL_PASSWORD: 'secret' }, [/^KAFKA_SASL_USERNAME: /]],
    [MECHANISM, [/^KAFKA_SASL_USERNAME: /, /^KAFKA_SASL_PASSWORD: /]],
    [{ ...MECHANISM, ...USER, KAFKA_SASL_PASSWORD_FILE: `${folder}/none` }, [/^KAFKA_SASL_PASSWORD_FILE: .*ENOENT/]],
    [{ ...MECHANISM, ...USER, KAFKA_SASL_PASSWORD_FILE: `${folder}/empty` }, [/^KAFKA_SASL_PASSWORD_FILE: .*empty/]],
    [{ KAFKA_SSL_CA_FILE: `${folder}/none` }, [/^KAFKA_SSL_CA_FILE: .*ENOENT/]],
    [{ KAFKA_SSL_CA_FILE: `${folder}/text` }, [/^KAFKA_SSL_CA_FILE: expected a file with a certificate in PEM/]]
  ]
  for (const [settings, problems] of bad) {
    const name = JSON.stringify(settings)
    t.match(kafkaProblems({ ...BROKERS, ...settings }), problems, name)
    t.equal(kafkaProblems({ ...BROKERS, ...settings }).length, problems.length, name)
    t.throws(() => createKafka({ ...BROKERS, ...settings }, { clientId: 'test', logger: pino({ level: 'silent' }) }), KafkaSettingsError, name)
    t.notMatch(kafkaProblems({ ...BROKERS, ...settings }).join(), /secret/, 'the error contains no secret')
  }
  for (const settings of [{}, { ...MECHANISM, ...LOGIN }, { ...MECHANISM, ...USER, KAFKA_SASL_PASSWORD_FILE: `${folder}/password` }]) {
    t.same(kafkaProblems({ ...BROKERS, ...settings }), [], JSON.stringify(settings))
  }
})
