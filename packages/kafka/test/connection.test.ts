import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { createAdmin, createKafka, type KafkaSettings } from '@orders/kafka'
import { Kafka } from '@orders/testing/servers'
import { until } from '@orders/testing/framework'
import { pino } from 'pino'
import t from 'tap'

const STORE_PASSWORD = 'store-password'

/** Part of Java, which the broker needs anyway. */
const keytool = (...args: string[]) => promisify(execFile)('keytool', args)

async function certificate (folder: string, name: string): Promise<{ store: string, pem: string }> {
  const store = `${folder}/${name}.p12`
  const pem = `${folder}/${name}.pem`
  const common = ['-alias', 'broker', '-keystore', store, '-storepass', STORE_PASSWORD]
  await keytool('-genkeypair', ...common, '-keyalg', 'EC', '-dname', `CN=${name}`, '-ext', 'san=ip:127.0.0.1', '-storetype', 'PKCS12')
  await keytool('-exportcert', '-rfc', ...common, '-file', pem)
  return { store, pem }
}

t.test('the certificate authority and the password are read again at every connect', async (t) => {
  const folder = t.testdir({ password: 'wrong\n' })
  const [own, other] = await Promise.all([certificate(folder, 'own'), certificate(folder, 'other')])
  const broker = await Kafka.start({
    settings: {
      'listener.security.protocol.map': 'CLIENT:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'ssl.keystore.type': 'PKCS12',
      'ssl.keystore.location': own.store,
      'ssl.keystore.password': STORE_PASSWORD,
      'listener.name.client.sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.client.plain.sasl.jaas.config': 'org.apache.kafka.common.security.plain.PlainLoginModule required user_reader="right";'
    }
  })
  t.teardown(() => broker.close())
  const ca = `${folder}/ca.pem`
  await writeFile(ca, await readFile(other.pem))
  const settings: KafkaSettings = {
    KAFKA_BROKERS: broker.brokers,
    KAFKA_SSL_CA_FILE: ca,
    KAFKA_SASL_MECHANISM: 'plain',
    KAFKA_SASL_USERNAME: 'reader',
    KAFKA_SASL_PASSWORD_FILE: `${folder}/password`
  }
  const connection = createKafka(settings, { clientId: 'test', logger: pino({ level: 'silent' }) })
  const listTopics = async () => {
    const admin = await createAdmin(connection)
    return admin.listTopics().finally(() => admin.close())
  }
  await t.rejects(listTopics(), /self-signed|certificate/i, 'a broker whose certificate another authority issued is not trusted')
  await writeFile(ca, await readFile(own.pem))
  await t.rejects(listTopics(), /Authentication failed/, 'a wrong password is refused')
  await writeFile(`${folder}/password`, 'right\n')
  t.same(await until(listTopics, { what: 'the broker to accept the connection' }), [], 'the same client, with the new authority and the new password')
})
