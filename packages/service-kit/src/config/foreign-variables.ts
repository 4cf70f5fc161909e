/**
 * Unless `enableServiceLinks` is false, Kubernetes adds the Services of a namespace to the environment of its pods. A Service
 * called `kafka` becomes KAFKA_SERVICE_HOST, KAFKA_SERVICE_PORT, KAFKA_PORT=tcp://…, KAFKA_PORT_9092_TCP_ADDR and more.
 * https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
 */
const LINK_NAME = /_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/
const LINK_VALUE = /^(tcp|udp|sctp):\/\/[^/\s]+:\d+$/i
/** Documented by other programs: HTTP clients, and the scripts of Kafka. */
const OTHERS = /^(HTTP_PROXY|KAFKA_(HOME|OPTS|HEAP_OPTS|JMX_OPTS|JMX_PORT|LOG4J_OPTS|GC_LOG_OPTS|DEBUG|JVM_PERFORMANCE_OPTS|CLUSTER_ID)|LOG_DIR)$/

/** Whether Kubernetes set this variable. `OPS_PORT=tcp://…` comes from a Service called `ops`, and is not our setting. */
export function isServiceLink (name: string, value: string | undefined): boolean {
  return LINK_NAME.test(name) || (name.endsWith('_PORT') && LINK_VALUE.test(value ?? ''))
}

/** Whether a variable has one of our prefixes but belongs to another program. */
export function isForeign (name: string, value: string | undefined): boolean {
  return isServiceLink(name, value) || OTHERS.test(name)
}
