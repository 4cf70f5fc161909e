import { knownCodes, nameOf } from '../../error-codes.ts'
import { kafkajsModule, replaceKafkajsModule } from '../module.ts'

/** One part of a request that Kafka refused. */
export interface Failure {
  request: 'Metadata' | 'Produce' | 'AddPartitionsToTxn' | 'TxnOffsetCommit'
  topic: string
  code: number
}

/** What the error of kafkajs has on it, when it is one of these requests that failed. */
export interface WithFailures {
  failures: readonly Failure[]
  /** The whole answer. */
  answer: unknown
}

interface Response<Answer> {
  decode: (data: unknown) => Promise<Answer>
  parse: (answer: Answer) => Promise<Answer>
}

interface MetadataAnswer {
  topicMetadata: ReadonlyArray<{ topic: string, topicErrorCode: number, partitionMetadata: ReadonlyArray<{ partitionErrorCode: number }> }>
}

interface ProduceAnswer {
  topics: ReadonlyArray<{ topicName: string, partitions: ReadonlyArray<{ errorCode: number }> }>
}

interface AddPartitionsAnswer {
  errors: ReadonlyArray<{ topic: string, partitionErrors: ReadonlyArray<{ errorCode: number }> }>
}

interface OffsetCommitAnswer {
  topics: ReadonlyArray<{ topic: string, partitions: ReadonlyArray<{ errorCode: number }> }>
}

type FailuresOf<Answer> = (answer: Answer) => Failure[]

const metadataFailures: FailuresOf<MetadataAnswer> = ({ topicMetadata }) => topicMetadata.flatMap(({ topic, topicErrorCode, partitionMetadata }) =>
  failed('Metadata', topic, topicErrorCode === 0 ? partitionMetadata.map(({ partitionErrorCode }) => partitionErrorCode) : [topicErrorCode]))

const produceFailures: FailuresOf<ProduceAnswer> = ({ topics }) => topics.flatMap(({ topicName, partitions }) =>
  failed('Produce', topicName, partitions.map(({ errorCode }) => errorCode)))

const addPartitionsFailures: FailuresOf<AddPartitionsAnswer> = ({ errors }) => errors.flatMap(({ topic, partitionErrors }) =>
  failed('AddPartitionsToTxn', topic, partitionErrors.map(({ errorCode }) => errorCode)))

const offsetCommitFailures: FailuresOf<OffsetCommitAnswer> = ({ topics }) => topics.flatMap(({ topic, partitions }) =>
  failed('TxnOffsetCommit', topic, partitions.map(({ errorCode }) => errorCode)))

function failed (request: Failure['request'], topic: string, codes: readonly number[]): Failure[] {
  return codes.filter((code) => code !== 0).map((code) => ({ request, topic, code }))
}

/**
 * Keeps, on the error, what the broker said of each topic. kafkajs throws the first error of an answer without the topic: with
 * one topic of many missing, nobody could tell which one it is without trying them out.
 */
export function namingFailures<Answer> (response: Response<Answer>, failuresOf: FailuresOf<Answer>): Response<Answer> {
  return {
    ...response,
    async parse (answer) {
      try {
        return await response.parse(answer)
      } catch (error) {
        throw Object.assign(error as Error, { failures: failuresOf(answer), answer } satisfies WithFailures)
      }
    }
  }
}

const FILE = 'patches/named-failures.ts'

// The versions above take `parse` from these.
replaceKafkajsModule<Response<MetadataAnswer>>('protocol/requests/metadata/v0/response', FILE, (original) => namingFailures(original, metadataFailures))
replaceKafkajsModule<Response<AddPartitionsAnswer>>('protocol/requests/addPartitionsToTxn/v0/response', FILE, (original) => namingFailures(original, addPartitionsFailures))
replaceKafkajsModule<Response<OffsetCommitAnswer>>('protocol/requests/txnOffsetCommit/v0/response', FILE, (original) => namingFailures(original, offsetCommitFailures))
replaceKafkajsModule<Response<ProduceAnswer>>('protocol/requests/produce/v3/response', FILE, (original) => namingFailures(original, produceFailures))

interface ProtocolErrors {
  errorCodes: Array<{ type: string, code: number, retriable: boolean, message: string }>
}

/** Gives the codes that are newer than kafkajs their names: it would throw "Unknown error code" with a code of its own, -99. */
export function nameNewerCodes ({ errorCodes }: ProtocolErrors): void {
  const known = new Set(errorCodes.map(({ code }) => code))
  for (const code of knownCodes()) {
    // kafkajs does not repeat a request after an unknown code. That stays so.
    if (!known.has(code)) errorCodes.push({ type: nameOf(code), code, retriable: false, message: nameOf(code) })
  }
}

nameNewerCodes(kafkajsModule<ProtocolErrors>('protocol/error', FILE))
