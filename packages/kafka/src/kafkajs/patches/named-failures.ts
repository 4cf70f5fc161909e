import { knownCodes, nameOf } from '../../error-codes.ts'
import { kafkajsModule, replaceKafkajsModule } from '../module.ts'

/** One part of a request that Kafka refused. */
export interface Failure {
  request: 'Metadata' | 'Produce' | 'AddPartitionsToTxn' | 'TxnOffsetCommit'
  topic: string
  code: number
}

/** Properties that the error of kafkajs gets when one of these requests fails. */
export interface WithFailures {
  failures: readonly Failure[]
  /** The broker's whole answer. */
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
 * Keeps the broker's answer for each topic on the error. kafkajs throws the first error of an answer, without its topic: if one topic
 * of many were missing, it could be found only by trying them one by one.
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

// The later versions of these responses use the `parse` of these.
replaceKafkajsModule<Response<MetadataAnswer>>('protocol/requests/metadata/v0/response', FILE, (original) => namingFailures(original, metadataFailures))
replaceKafkajsModule<Response<AddPartitionsAnswer>>('protocol/requests/addPartitionsToTxn/v0/response', FILE, (original) => namingFailures(original, addPartitionsFailures))
replaceKafkajsModule<Response<OffsetCommitAnswer>>('protocol/requests/txnOffsetCommit/v0/response', FILE, (original) => namingFailures(original, offsetCommitFailures))
replaceKafkajsModule<Response<ProduceAnswer>>('protocol/requests/produce/v3/response', FILE, (original) => namingFailures(original, produceFailures))

interface ProtocolErrors {
  errorCodes: Array<{ type: string, code: number, retriable: boolean, message: string }>
}

/** Adds the codes that are newer than kafkajs. Without it, kafkajs throws "Unknown error code" with -99 in place of the code. */
export function nameNewerCodes ({ errorCodes }: ProtocolErrors): void {
  const known = new Set(errorCodes.map(({ code }) => code))
  for (const code of knownCodes()) {
    // Not retriable: kafkajs does not retry after an unknown code either.
    if (!known.has(code)) errorCodes.push({ type: nameOf(code), code, retriable: false, message: nameOf(code) })
  }
}

nameNewerCodes(kafkajsModule<ProtocolErrors>('protocol/error', FILE))
