{{/* Kafka: names that the release keeps there, brokers, users, and what a client mounts. */}}

{{/* A name that the release keeps in Kafka: the value if it is set; else the one that the release already runs with; else a new
     one that contains the namespace, because two releases of one name may share one Kafka. A namespace has no dot, so two of these
     names never collide. Arguments: root, value, component (whose ConfigMap has it), setting, suffix. */}}
{{- define "orders.kafkaName" -}}
{{- $live := (lookup "v1" "ConfigMap" .root.Release.Namespace (include "orders.name" .)).data | default dict -}}
{{- .value | default (get $live .setting) | default (printf "%s.%s-%s" .root.Release.Namespace (include "orders.fullname" .root) .suffix) -}}
{{- end -}}

{{- define "orders.relayName" -}}
{{- include "orders.kafkaName" (dict "root" . "value" .Values.outboxRelay.name "component" "outbox-relay" "setting" "RELAY_NAME" "suffix" "outbox-relay") -}}
{{- end -}}

{{- define "orders.consumerGroup" -}}
{{- include "orders.kafkaName" (dict "root" . "value" .Values.orderConsumer.group "component" "order-consumer" "setting" "CONSUMER_GROUP" "suffix" "order-consumer") -}}
{{- end -}}

{{- define "orders.kafkaBrokers" -}}
{{- if eq .Values.kafka.mode "external" -}}
{{- required "kafka.external.brokers: expected host:port, found nothing" .Values.kafka.external.brokers -}}
{{- else -}}
{{- printf "%s-kafka-bootstrap.%s.svc:9093" (include "orders.fullname" .) .Release.Namespace -}}
{{- end -}}
{{- end -}}

{{/* Name of the node pool. The operator calls a broker's pod <cluster>-<pool>-<number>, and that is the value of a label and a host
     name: no pod with more than 63 characters is admitted. A short name keeps its pool of the same name. */}}
{{- define "orders.nodePool" -}}
{{- $name := include "orders.fullname" . -}}
{{- if le (len $name) 30 -}}{{ $name }}{{- else -}}{{ printf "%s-%s" ($name | trunc 9 | trimSuffix "-") ($name | sha256sum | trunc 8) }}{{- end -}}
{{- end -}}

{{/* Selects the brokers, and not the entity operator: both have strimzi.io/kind=Kafka. */}}
{{- define "orders.brokerLabels" -}}
strimzi.io/cluster: {{ include "orders.fullname" . | quote }}
strimzi.io/name: {{ include "orders.fullname" . }}-kafka
{{- end -}}

{{/* Settings of a Kafka client. Arguments: root, component. */}}
{{- define "orders.kafkaSettings" -}}
KAFKA_BROKERS: {{ include "orders.kafkaBrokers" .root | quote }}
{{- with .root.Values.kafka }}
{{- if eq .mode "strimzi" }}
KAFKA_SSL_CA_FILE: /secrets/kafka-ca/ca.crt
KAFKA_SASL_MECHANISM: scram-sha-512
KAFKA_SASL_USERNAME: {{ include "orders.name" $ }}
KAFKA_SASL_PASSWORD_FILE: /secrets/kafka-user/password
{{- else }}
{{- if .external.tls.caSecret }}
KAFKA_SSL_CA_FILE: /secrets/kafka-ca/ca.crt
{{- end }}
{{- with .external.sasl.mechanism }}
KAFKA_SASL_MECHANISM: {{ . }}
KAFKA_SASL_USERNAME_FILE: /secrets/kafka-user/username
KAFKA_SASL_PASSWORD_FILE: /secrets/kafka-user/password
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "orders.kafkaCaSecret" -}}
{{- if eq .Values.kafka.mode "strimzi" -}}{{ include "orders.fullname" . }}-cluster-ca-cert{{- else -}}{{ .Values.kafka.external.tls.caSecret }}{{- end -}}
{{- end -}}

{{/* Arguments: root, component. */}}
{{- define "orders.kafkaUserSecret" -}}
{{- $sasl := .root.Values.kafka.external.sasl -}}
{{- $value := ternary "relaySecret" "consumerSecret" (eq .component "outbox-relay") -}}
{{- if eq .root.Values.kafka.mode "strimzi" -}}
{{- get .root.Values.kafka.strimzi $value | default (printf "%s-kafka" (include "orders.name" .)) -}}
{{- else if $sasl.mechanism -}}
{{- required (printf "kafka.external.sasl.%s: expected the name of a Secret, found none" $value) (get $sasl $value) -}}
{{- end -}}
{{- end -}}

{{/* The password of a KafkaUser: that of the existing Secret, else the operator's own, else a new one. Arguments: root,
     component. */}}
{{- define "orders.kafkaPassword" -}}
{{- $found := "" -}}
{{- range list (include "orders.kafkaUserSecret" .) (include "orders.name" .) -}}
{{- $data := (lookup "v1" "Secret" $.root.Release.Namespace .).data | default dict -}}
{{- $found = $found | default (get $data "password" | b64dec) -}}
{{- end -}}
{{- $found | default (randAlphaNum 32) -}}
{{- end -}}

{{/* Whole folders, not single files: only those are updated when the operator renews a certificate or a password. Arguments: root,
     component. */}}
{{- define "orders.kafkaVolumes" -}}
{{- with include "orders.kafkaCaSecret" .root }}
- name: kafka-ca
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
    items:
      - key: {{ ternary "ca.crt" $.root.Values.kafka.external.tls.caKey (eq $.root.Values.kafka.mode "strimzi") | quote }}
        path: ca.crt
{{- end }}
{{- with include "orders.kafkaUserSecret" . }}
- name: kafka-user
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{- define "orders.kafkaMounts" -}}
{{- if include "orders.kafkaCaSecret" .root }}
- name: kafka-ca
  mountPath: /secrets/kafka-ca
  readOnly: true
{{- end }}
{{- if include "orders.kafkaUserSecret" . }}
- name: kafka-user
  mountPath: /secrets/kafka-user
  readOnly: true
{{- end }}
{{- end -}}

{{/* For the containers that Kafka's operator creates. By itself it sets none, and a namespace that enforces `restricted`
     admits none of its pods. Their root file system must stay writable. */}}
{{- define "orders.operatorSecurityContext" -}}
allowPrivilegeEscalation: false
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}
