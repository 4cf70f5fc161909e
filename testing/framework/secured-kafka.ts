import { createAdmin, createKafka, type KafkaConnection, type Permission } from '@orders/kafka'
import { pino } from 'pino'
import { Kafka } from '../servers/kafka.ts'
import type { TestContext } from './servers.ts'

const PRINCIPAL = 'User:client'

export type TopicOperation = Permission['operation']

export interface SecuredKafka {
  broker: Kafka
  /** As the user `client` (password `client`), which has only the given grants. */
  connection: KafkaConnection
  /** The settings of a service that connects as this user. */
  settings: Record<'KAFKA_BROKERS' | 'KAFKA_SASL_MECHANISM' | 'KAFKA_SASL_USERNAME' | 'KAFKA_SASL_PASSWORD', string>
  /** The same broker by a listener without permissions, for the test's own checks. */
  open: { brokers: string }
  admin: {
    grant: (topic: string, operation: TopicOperation) => Promise<void>
    revoke: (topic: string, operation: TopicOperation) => Promise<void>
    /** For groups and transactional ids with this prefix. */
    grantPrefix: (prefix: string) => Promise<void>
  }
  topics: string[]
}

export interface SecuredKafkaOptions {
  topics: string[]
  grants: ReadonlyArray<readonly [topic: string, operation: TopicOperation]>
}

/** A broker with permissions, topics of one partition, and a user with only these grants. */
export async function securedKafka (t: TestContext, { topics, grants }: SecuredKafkaOptions): Promise<SecuredKafka> {
  const broker = await Kafka.start({
    settings: {
      'listener.security.protocol.map': 'CLIENT:SASL_PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'listener.name.client.sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.client.plain.sasl.jaas.config':
        'org.apache.kafka.common.security.plain.PlainLoginModule required user_client="client";',
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      // The broker itself and the test use the listeners without a user.
      'super.users': 'User:ANONYMOUS'
    }
  })
  t.teardown(() => broker.close())
  const logger = pino({ level: 'silent' })
  const open = { brokers: broker.internalBrokers }
  const everything = createKafka({ KAFKA_BROKERS: open.brokers }, { clientId: 'admin', logger })
  const admin = await createAdmin(everything)
  t.teardown(() => admin.close())
  await admin.ensureTopics(topics.map((topic) => ({ topic, partitions: 1 })))
  const onTopic = (topic: string, operation: TopicOperation): Permission => ({ principal: PRINCIPAL, resource: 'topic', name: topic, operation })
  const grant = (topic: string, operation: TopicOperation) => admin.grant([onTopic(topic, operation)])
  for (const [topic, operation] of grants) await grant(topic, operation)
  const settings = {
    KAFKA_BROKERS: broker.brokers, KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'client', KAFKA_SASL_PASSWORD: 'client'
  } as const
  return {
    broker,
    open,
    topics,
    settings,
    connection: createKafka(settings, { clientId: 'client', logger }),
    admin: {
      grant,
      revoke: (topic, operation) => admin.revoke([onTopic(topic, operation)]),
      grantPrefix: (prefix) => admin.grant([
        { principal: PRINCIPAL, resource: 'group', name: prefix, isPrefix: true, operation: 'Read' },
        { principal: PRINCIPAL, resource: 'transactional-id', name: prefix, isPrefix: true, operation: 'Write' }
      ])
    }
  }
}
