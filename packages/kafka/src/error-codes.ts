/**
 * What an error code of Kafka means for a publish:
 * - `record`: something is wrong with the record itself. Kafka would refuse it forever, even alone.
 * - `topic`: the topic does not exist, or this client may not write to it. Says nothing about the records.
 * - `fenced`: another producer has taken the transactional id.
 * - `uncertain`: everything else, such as an outage, a missing permission, or this machine's clock. A code of this kind must never
 *   make a dead letter: the next event would get the same answer, and the one after it.
 */
export type CodeKind = 'record' | 'topic' | 'fenced' | 'uncertain'

/**
 * Every code of Kafka 4.3.1 (`org.apache.kafka.common.protocol.Errors`), each classified on purpose. A code that is missing here is
 * uncertain.
 *
 * The kinds follow the broker's code (`LogValidator`, `UnifiedLog`, `ReplicaManager`, `KafkaApis`), not the names:
 * - INVALID_RECORD: a record without a key in a compacted topic, or one that a plugin of the broker refused. A batch that we
 *   encoded wrongly would get this code too; the test of the encoder rules that out.
 * - INVALID_TIMESTAMP: the timestamp is this process's clock, not the event's.
 * - CORRUPT_MESSAGE: the checksum is wrong, so the bytes changed in transit.
 * - UNSUPPORTED_FOR_MESSAGE_FORMAT: the topic's message format has no transactions (brokers before 4.0).
 * - POLICY_VIOLATION: a broker answers it to administration only. A gateway in front of it may mean the client's settings as well as
 *   the record. So it makes no dead letter: its topic waits, all others go on.
 */
const CODES: Record<CodeKind, ReadonlyArray<readonly [code: number, name: string]>> = {
  record: [
    [10, 'MESSAGE_TOO_LARGE'], [18, 'RECORD_LIST_TOO_LARGE'], [87, 'INVALID_RECORD']
  ],
  topic: [
    [3, 'UNKNOWN_TOPIC_OR_PARTITION'], [17, 'INVALID_TOPIC_EXCEPTION'], [29, 'TOPIC_AUTHORIZATION_FAILED'],
    [43, 'UNSUPPORTED_FOR_MESSAGE_FORMAT'], [44, 'POLICY_VIOLATION']
  ],
  fenced: [
    [47, 'INVALID_PRODUCER_EPOCH'], [49, 'INVALID_PRODUCER_ID_MAPPING'], [90, 'PRODUCER_FENCED']
  ],
  uncertain: [
    [-1, 'UNKNOWN_SERVER_ERROR'], [1, 'OFFSET_OUT_OF_RANGE'], [2, 'CORRUPT_MESSAGE'], [4, 'INVALID_FETCH_SIZE'],
    [5, 'LEADER_NOT_AVAILABLE'], [6, 'NOT_LEADER_OR_FOLLOWER'], [7, 'REQUEST_TIMED_OUT'], [8, 'BROKER_NOT_AVAILABLE'],
    [9, 'REPLICA_NOT_AVAILABLE'], [11, 'STALE_CONTROLLER_EPOCH'], [12, 'OFFSET_METADATA_TOO_LARGE'], [13, 'NETWORK_EXCEPTION'],
    [14, 'COORDINATOR_LOAD_IN_PROGRESS'], [15, 'COORDINATOR_NOT_AVAILABLE'], [16, 'NOT_COORDINATOR'], [19, 'NOT_ENOUGH_REPLICAS'],
    [20, 'NOT_ENOUGH_REPLICAS_AFTER_APPEND'], [21, 'INVALID_REQUIRED_ACKS'], [22, 'ILLEGAL_GENERATION'],
    [23, 'INCONSISTENT_GROUP_PROTOCOL'], [24, 'INVALID_GROUP_ID'], [25, 'UNKNOWN_MEMBER_ID'], [26, 'INVALID_SESSION_TIMEOUT'],
    [27, 'REBALANCE_IN_PROGRESS'], [28, 'INVALID_COMMIT_OFFSET_SIZE'], [30, 'GROUP_AUTHORIZATION_FAILED'],
    [31, 'CLUSTER_AUTHORIZATION_FAILED'], [32, 'INVALID_TIMESTAMP'], [33, 'UNSUPPORTED_SASL_MECHANISM'],
    [34, 'ILLEGAL_SASL_STATE'], [35, 'UNSUPPORTED_VERSION'], [36, 'TOPIC_ALREADY_EXISTS'], [37, 'INVALID_PARTITIONS'],
    [38, 'INVALID_REPLICATION_FACTOR'], [39, 'INVALID_REPLICA_ASSIGNMENT'], [40, 'INVALID_CONFIG'], [41, 'NOT_CONTROLLER'],
    [42, 'INVALID_REQUEST'], [45, 'OUT_OF_ORDER_SEQUENCE_NUMBER'], [46, 'DUPLICATE_SEQUENCE_NUMBER'], [48, 'INVALID_TXN_STATE'],
    [50, 'INVALID_TRANSACTION_TIMEOUT'], [51, 'CONCURRENT_TRANSACTIONS'], [52, 'TRANSACTION_COORDINATOR_FENCED'],
    [53, 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'], [54, 'SECURITY_DISABLED'], [55, 'OPERATION_NOT_ATTEMPTED'],
    [56, 'KAFKA_STORAGE_ERROR'], [57, 'LOG_DIR_NOT_FOUND'], [58, 'SASL_AUTHENTICATION_FAILED'], [59, 'UNKNOWN_PRODUCER_ID'],
    [60, 'REASSIGNMENT_IN_PROGRESS'], [61, 'DELEGATION_TOKEN_AUTH_DISABLED'], [62, 'DELEGATION_TOKEN_NOT_FOUND'],
    [63, 'DELEGATION_TOKEN_OWNER_MISMATCH'], [64, 'DELEGATION_TOKEN_REQUEST_NOT_ALLOWED'],
    [65, 'DELEGATION_TOKEN_AUTHORIZATION_FAILED'], [66, 'DELEGATION_TOKEN_EXPIRED'], [67, 'INVALID_PRINCIPAL_TYPE'],
    [68, 'NON_EMPTY_GROUP'], [69, 'GROUP_ID_NOT_FOUND'], [70, 'FETCH_SESSION_ID_NOT_FOUND'], [71, 'INVALID_FETCH_SESSION_EPOCH'],
    [72, 'LISTENER_NOT_FOUND'], [73, 'TOPIC_DELETION_DISABLED'], [74, 'FENCED_LEADER_EPOCH'], [75, 'UNKNOWN_LEADER_EPOCH'],
    [76, 'UNSUPPORTED_COMPRESSION_TYPE'], [77, 'STALE_BROKER_EPOCH'], [78, 'OFFSET_NOT_AVAILABLE'], [79, 'MEMBER_ID_REQUIRED'],
    [80, 'PREFERRED_LEADER_NOT_AVAILABLE'], [81, 'GROUP_MAX_SIZE_REACHED'], [82, 'FENCED_INSTANCE_ID'],
    [83, 'ELIGIBLE_LEADERS_NOT_AVAILABLE'], [84, 'ELECTION_NOT_NEEDED'], [85, 'NO_REASSIGNMENT_IN_PROGRESS'],
    [86, 'GROUP_SUBSCRIBED_TO_TOPIC'], [88, 'UNSTABLE_OFFSET_COMMIT'], [89, 'THROTTLING_QUOTA_EXCEEDED'],
    [91, 'RESOURCE_NOT_FOUND'], [92, 'DUPLICATE_RESOURCE'], [93, 'UNACCEPTABLE_CREDENTIAL'], [94, 'INCONSISTENT_VOTER_SET'],
    [95, 'INVALID_UPDATE_VERSION'], [96, 'FEATURE_UPDATE_FAILED'], [97, 'PRINCIPAL_DESERIALIZATION_FAILURE'],
    [98, 'SNAPSHOT_NOT_FOUND'], [99, 'POSITION_OUT_OF_RANGE'], [100, 'UNKNOWN_TOPIC_ID'], [101, 'DUPLICATE_BROKER_REGISTRATION'],
    [102, 'BROKER_ID_NOT_REGISTERED'], [103, 'INCONSISTENT_TOPIC_ID'], [104, 'INCONSISTENT_CLUSTER_ID'],
    [105, 'TRANSACTIONAL_ID_NOT_FOUND'], [106, 'FETCH_SESSION_TOPIC_ID_ERROR'], [107, 'INELIGIBLE_REPLICA'],
    [108, 'NEW_LEADER_ELECTED'], [109, 'OFFSET_MOVED_TO_TIERED_STORAGE'], [110, 'FENCED_MEMBER_EPOCH'],
    [111, 'UNRELEASED_INSTANCE_ID'], [112, 'UNSUPPORTED_ASSIGNOR'], [113, 'STALE_MEMBER_EPOCH'],
    [114, 'MISMATCHED_ENDPOINT_TYPE'], [115, 'UNSUPPORTED_ENDPOINT_TYPE'], [116, 'UNKNOWN_CONTROLLER_ID'],
    [117, 'UNKNOWN_SUBSCRIPTION_ID'], [118, 'TELEMETRY_TOO_LARGE'], [119, 'INVALID_REGISTRATION'], [120, 'TRANSACTION_ABORTABLE'],
    [121, 'INVALID_RECORD_STATE'], [122, 'SHARE_SESSION_NOT_FOUND'], [123, 'INVALID_SHARE_SESSION_EPOCH'],
    [124, 'FENCED_STATE_EPOCH'], [125, 'INVALID_VOTER_KEY'], [126, 'DUPLICATE_VOTER'], [127, 'VOTER_NOT_FOUND'],
    [128, 'INVALID_REGULAR_EXPRESSION'], [129, 'REBOOTSTRAP_REQUIRED'], [130, 'STREAMS_INVALID_TOPOLOGY'],
    [131, 'STREAMS_INVALID_TOPOLOGY_EPOCH'], [132, 'STREAMS_TOPOLOGY_FENCED'], [133, 'SHARE_SESSION_LIMIT_REACHED']
  ]
}

interface Code {
  name: string
  kind: CodeKind
}

const BY_CODE: ReadonlyMap<number, Code> = new Map(Object.entries(CODES)
  .flatMap(([kind, codes]) => codes.map(([code, name]) => [code, { name, kind: kind as CodeKind }] as const)))

/** @returns `uncertain` for a code that is newer than the table */
export function kindOf (code: number): CodeKind {
  return BY_CODE.get(code)?.kind ?? 'uncertain'
}

/** Kafka's name of the code, or the number when the code is newer than the table. */
export function nameOf (code: number): string {
  return BY_CODE.get(code)?.name ?? `error code ${code}`
}

/** The codes of the table, ascending. */
export function knownCodes (): number[] {
  return [...BY_CODE.keys()].sort((a, b) => a - b)
}
