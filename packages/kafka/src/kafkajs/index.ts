// The only file that loads kafkajs: our changes have to be in place before kafkajs itself is loaded.
// named-failures and authorized-metadata come first: modules loaded later keep a reference to what these two replace.
import './patches/named-failures.ts'
import './patches/authorized-metadata.ts'
import './patches/request-queue.ts'
import './patches/produce-request.ts'
import './patches/request-header.ts'
import './patches/retry-defaults.ts'
import './patches/group-messages.ts'
import './patches/coordinators.ts'
import './patches/offset-commit.ts'
import './patches/aborted-records.ts'
import './patches/fetched-records.ts'
import kafkajs from 'kafkajs'

export type {
  AclEntry, Admin, Consumer, EachBatchPayload, ITopicConfig, Kafka, KafkaConfig, Message, PartitionMetadata, Producer, ProducerBatch, ProducerConfig,
  SASLOptions, TopicMessages, TopicOffsets, Transaction
} from 'kafkajs'

export default kafkajs
