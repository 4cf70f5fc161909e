import { kafkajsModule, replaceKafkajsModule } from '../module.ts'

/** https://kafka.apache.org/protocol#The_Messages_Metadata: the newest version without tagged fields. */
const VERSION = 8
/** kafkajs's newest version, for brokers without version 8 (before Kafka 2.3). */
const KAFKAJS_VERSION = 6

interface Encoder {
  writeNullableArray: (values: readonly string[]) => Encoder
  writeBoolean: (value: boolean) => Encoder
}

interface Decoder {
  readInt16: () => number
  readInt32: () => number
  readString: () => string
  readBoolean: () => boolean
  readArray: <T>(read: (decoder: Decoder) => T) => T[]
}

interface MetadataOptions {
  topics: readonly string[]
  allowAutoTopicCreation?: boolean
}

interface Definition {
  versions: string[]
  protocol: (options: { version: number }) => (options: MetadataOptions) => { request: unknown, response: { decode: unknown, parse: unknown } }
}

const FILE = 'patches/authorized-metadata.ts'

/** Added to each partition: what this client may do with its topic, as a bit for each code of Kafka's AclOperation. */
export interface PartitionWithOperations {
  authorizedOperations?: number
}

/**
 * Asks for metadata together with what this client may do with each topic. Without that, a topic that this client may describe but
 * not write to is found only by a produce request that fails.
 */
function withAuthorizedOperations (original: Definition): Definition {
  return {
    versions: [...original.versions, String(VERSION)],
    protocol: ({ version }) => {
      if (version < VERSION) return original.protocol({ version: Math.min(version, KAFKAJS_VERSION) })
      return ({ topics, allowAutoTopicCreation = true }) => ({
        request: encodeRequest(topics, allowAutoTopicCreation),
        response: { decode, parse: kafkajsModule<{ parse: unknown }>('protocol/requests/metadata/v0/response', FILE).parse }
      })
    }
  }
}

function encodeRequest (topics: readonly string[], allowAutoTopicCreation: boolean): unknown {
  const { Metadata: apiKey } = kafkajsModule<{ Metadata: number }>('protocol/requests/apiKeys', FILE)
  const NewEncoder = kafkajsModule<new () => Encoder>('protocol/encoder', FILE)
  return {
    apiKey,
    apiVersion: VERSION,
    apiName: 'Metadata',
    encode: async () => new NewEncoder().writeNullableArray(topics)
      .writeBoolean(allowAutoTopicCreation)
      .writeBoolean(false) // include what this client may do with the cluster
      .writeBoolean(topics.length > 0) // include what it may do with the topics
  }
}

async function decode (data: Buffer): Promise<unknown> {
  const NewDecoder = kafkajsModule<new (data: Buffer) => Decoder>('protocol/decoder', FILE)
  const decoder = new NewDecoder(data)
  // The order of the fields is the order of the bytes.
  const clientSideThrottleTime = decoder.readInt32()
  const brokers = decoder.readArray((each) => ({ nodeId: each.readInt32(), host: each.readString(), port: each.readInt32(), rack: each.readString() }))
  const clusterId = decoder.readString()
  const controllerId = decoder.readInt32()
  const topicMetadata = decoder.readArray(decodeTopic)
  return { throttleTime: 0, clientSideThrottleTime, brokers, clusterId, controllerId, topicMetadata }
}

function decodeTopic (decoder: Decoder) {
  const topicErrorCode = decoder.readInt16()
  const topic = decoder.readString()
  const isInternal = decoder.readBoolean()
  const partitions = decoder.readArray(decodePartition)
  const authorizedOperations = decoder.readInt32()
  // On the partitions, because kafkajs passes on nothing else of a topic.
  return { topicErrorCode, topic, isInternal, partitionMetadata: partitions.map((partition) => ({ ...partition, authorizedOperations })) }
}

function decodePartition (decoder: Decoder) {
  const ids = () => decoder.readArray((each) => each.readInt32())
  return {
    partitionErrorCode: decoder.readInt16(),
    partitionId: decoder.readInt32(),
    leader: decoder.readInt32(),
    leaderEpoch: decoder.readInt32(),
    replicas: ids(),
    isr: ids(),
    offlineReplicas: ids()
  }
}

replaceKafkajsModule<Definition>('protocol/requests/metadata', FILE, withAuthorizedOperations)
