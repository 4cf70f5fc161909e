{{- define "orders.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Name of a component's objects. Arguments: root, component. */}}
{{- define "orders.name" -}}
{{- printf "%s-%s" (include "orders.fullname" .root) .component -}}
{{- end -}}

{{/* What selects the pods of this release and nothing else: the operator of Kafka gives its pods the instance of ours, but not
     the name. Arguments: root, and component where it is one component's pods. */}}
{{- define "orders.selectorLabels" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{- define "orders.labels" -}}
{{ include "orders.selectorLabels" . }}
app.kubernetes.io/part-of: {{ .root.Chart.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name (.root.Chart.Version | replace "+" "_") }}
{{- end -}}

{{/* Of objects whose labels an operator copies into its pods: nothing that changes with the chart's version alone, or each new
     version would restart Kafka. */}}
{{- define "orders.stableLabels" -}}
{{ include "orders.selectorLabels" . }}
app.kubernetes.io/part-of: {{ .root.Chart.Name }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end -}}

{{- define "orders.metadata" -}}
name: {{ include "orders.name" . }}
labels:
  {{- include "orders.labels" . | nindent 2 }}
{{- end -}}

{{/* Arguments: root, component. */}}
{{- define "orders.image" -}}
{{- with .root.Values.image -}}
{{- $digest := get .digests (get (dict "order-api" "orderApi" "outbox-relay" "outboxRelay" "order-consumer" "orderConsumer") $.component) -}}
{{- if $digest -}}
{{- printf "%s/%s@%s" .prefix $.component $digest -}}
{{- else -}}
{{- printf "%s/%s:%s" .prefix $.component (.tag | default $.root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "orders.imagePullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* A name that the release keeps in Kafka: the value if it is set; else the one that the release runs with already; else a new
     one with the namespace in it, for two releases of one name may share one Kafka. A namespace has no dot, so no two are alike.
     Arguments: root, value, component (whose ConfigMap has it), setting, suffix. */}}
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

{{/* Replicas of a Deployment that the chart scales. `kubectl scale` makes the number its own, and Helm 4, which applies on the
     server's side, would be refused a different one. So a number that was changed by hand stays, as with Helm 3, until the value
     itself changes: an annotation keeps the value of the last revision. Arguments: root, component, values. */}}
{{- define "orders.replicas" -}}
{{- $live := lookup "apps/v1" "Deployment" .root.Release.Namespace (include "orders.name" .) -}}
{{- $before := get (dig "metadata" "annotations" dict $live) "orders-outbox/replicas" -}}
{{- if and $live (eq $before (toString .values.replicas)) -}}{{ dig "spec" "replicas" .values.replicas $live }}{{- else -}}{{ .values.replicas }}{{- end -}}
{{- end -}}

{{- define "orders.replicasAnnotation" -}}
orders-outbox/replicas: {{ .values.replicas | quote }}
{{- end -}}

{{/* An operator's resources are refused one by one by a cluster without it; one message says more. `helm template` and
     `helm lint` know no cluster, and there no API is missing: only a real one has apiregistration. */}}
{{- define "orders.requireApi" -}}
{{- if and (.root.Capabilities.APIVersions.Has "apiregistration.k8s.io/v1") (not (.root.Capabilities.APIVersions.Has .api)) -}}
{{- fail (printf "%s needs the API %s, and this cluster does not have it. %s" .what .api .remedy) -}}
{{- end -}}
{{- end -}}

{{/* Pod Security `restricted`. */}}
{{- define "orders.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ .uid }}
runAsGroup: {{ .uid }}
fsGroup: {{ .uid }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "orders.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Of the containers that the operator of Kafka makes. By itself it states nothing, and a namespace that enforces `restricted`
     admits none of its pods. Their root file system is written to. */}}
{{- define "orders.operatorSecurityContext" -}}
allowPrivilegeEscalation: false
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* What the pods of all three services have in common. Arguments: root, component, values. */}}
{{- define "orders.podSpec" -}}
serviceAccountName: {{ include "orders.name" . }}
automountServiceAccountToken: false
# Else a Service called order-api would put ORDER_API_PORT into every pod, which order-api takes for a setting of its own.
enableServiceLinks: false
# Above SHUTDOWN_DELAY_MS and SHUTDOWN_DEADLINE_MS together.
terminationGracePeriodSeconds: 40
{{- include "orders.imagePullSecrets" .root }}
securityContext:
  {{- include "orders.podSecurityContext" (dict "uid" 65532) | nindent 2 }}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "orders.selectorLabels" $ | nindent 8 }}
    # Of the pods of one revision: else the old ones, about to go, decide where the new ones are put.
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- include "orders.scheduling" .values }}
{{- end -}}

{{/* Where pods may run. Argument: the values of a component. */}}
{{- define "orders.scheduling" -}}
{{- range $key := list "nodeSelector" "tolerations" "affinity" }}
{{- with get $ $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{- define "orders.probes" -}}
# Long enough for a busy node to start Node; liveness begins after it.
startupProbe:
  httpGet: {path: /livez, port: ops}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 60
# Patient: a node that is busy for half a minute answers no probe in time, and restarts would keep it busy.
livenessProbe:
  httpGet: {path: /livez, port: ops}
  periodSeconds: 10
  timeoutSeconds: 10
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: ops}
  periodSeconds: 3
  timeoutSeconds: 5
  failureThreshold: 2
{{- end -}}

{{/* Holds a pod back until the migrations that belong to its version are applied. order-api's image has those of the relay's
     tables. Arguments: root, schema (order-api or order-consumer). */}}
{{- define "orders.awaitSchema" -}}
- name: await-schema
  image: {{ include "orders.image" (dict "root" .root "component" .schema) }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  args: [services/{{ .schema }}/dist/bin/await-schema.js]
  env:
    - name: DATABASE_URL_FILE
      value: /secrets/database/url
    {{- if include "orders.databaseCaSecret" .root }}
    - name: DATABASE_SSL_CA_FILE
      value: /secrets/database-ca/ca.crt
    {{- end }}
    - name: AWAIT_SCHEMA_DEADLINE_MS
      value: {{ int64 .root.Values.migrations.deadlineMs | quote }}
  resources:
    {{- toYaml .root.Values.migrations.resources | nindent 4 }}
  securityContext:
    {{- include "orders.containerSecurityContext" . | nindent 4 }}
  volumeMounts:
    {{- include "orders.databaseMounts" .root | nindent 4 }}
{{- end -}}

{{- define "orders.databaseSecret" -}}
{{- if eq .Values.postgres.mode "external" -}}
{{- required "postgres.external.existingSecret: expected the name of a Secret, found none" .Values.postgres.external.existingSecret -}}
{{- else -}}
{{- include "orders.name" (dict "root" . "component" "database") -}}
{{- end -}}
{{- end -}}

{{/* The Secret with the certificate authority of Postgres; nothing where the connection is not encrypted. */}}
{{- define "orders.databaseCaSecret" -}}
{{- if eq .Values.postgres.mode "cloudnativepg" -}}
{{- printf "%s-ca" (include "orders.name" (dict "root" . "component" "postgres")) -}}
{{- else if eq .Values.postgres.mode "external" -}}
{{- .Values.postgres.external.tls.caSecret -}}
{{- end -}}
{{- end -}}

{{- define "orders.databaseCaVolume" -}}
{{- with include "orders.databaseCaSecret" . }}
# Not the key that the operator keeps beside it.
- name: database-ca
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items:
      - key: {{ if eq $.Values.postgres.mode "external" }}{{ $.Values.postgres.external.tls.caKey }}{{ else }}ca.crt{{ end }}
        path: ca.crt
{{- end }}
{{- end -}}

{{/* Arguments: root, key. */}}
{{- define "orders.databaseVolumes" -}}
- name: database
  secret:
    secretName: {{ include "orders.databaseSecret" .root }}
    defaultMode: 0440
    items:
      - key: {{ .key }}
        path: url
{{- include "orders.databaseCaVolume" .root }}
{{- end -}}

{{- define "orders.databaseMounts" -}}
- name: database
  mountPath: /secrets/database
  readOnly: true
{{- if include "orders.databaseCaSecret" . }}
- name: database-ca
  mountPath: /secrets/database-ca
  readOnly: true
{{- end }}
{{- end -}}

{{/* A host of the release's own Postgres. */}}
{{- define "orders.postgresHost" -}}
{{- $name := include "orders.name" (dict "root" . "component" "postgres") -}}
{{- if eq .Values.postgres.mode "cloudnativepg" -}}{{ $name }}-rw{{- else -}}{{ $name }}{{- end -}}
{{- end -}}

{{/* Passwords of the release's own Postgres: those of the Secret that is there already, else new ones. Made once for each
     rendering, so that every template, and each checksum, sees the same. */}}
{{- define "orders.passwords" -}}
{{- if not (hasKey .Values "generatedPasswords") -}}
{{- $existing := (lookup "v1" "Secret" .Release.Namespace (include "orders.databaseSecret" .)).data | default dict -}}
{{- $passwords := dict -}}
{{- range list "superuser" "owner" "order-api" "outbox-relay" "order-consumer" -}}
{{- $key := printf "%s-password" . -}}
{{- $_ := set $passwords . (ternary (get $existing $key | b64dec) (randAlphaNum 32) (hasKey $existing $key)) -}}
{{- end -}}
{{- $_ := set .Values "generatedPasswords" $passwords -}}
{{- end -}}
{{- end -}}

{{- define "orders.kafkaBrokers" -}}
{{- if eq .Values.kafka.mode "external" -}}
{{- required "kafka.external.brokers: expected host:port, found nothing" .Values.kafka.external.brokers -}}
{{- else -}}
{{- printf "%s-kafka-bootstrap.%s.svc:9093" (include "orders.fullname" .) .Release.Namespace -}}
{{- end -}}
{{- end -}}

{{/* Settings of every service. Arguments: root, values (of the service). */}}
{{- define "orders.serviceSettings" -}}
DATABASE_URL_FILE: /secrets/database/url
{{- if include "orders.databaseCaSecret" .root }}
DATABASE_SSL_CA_FILE: /secrets/database-ca/ca.crt
{{- end }}
{{- with .values.nodeOptions }}
NODE_OPTIONS: {{ . | quote }}
{{- end }}
{{- end }}

{{/* Settings of a client of Kafka. Arguments: root, component. */}}
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

{{/* What selects the brokers, and not the entity operator: both have strimzi.io/kind=Kafka. */}}
{{- define "orders.brokerLabels" -}}
strimzi.io/cluster: {{ include "orders.fullname" . }}
strimzi.io/name: {{ include "orders.fullname" . }}-kafka
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

{{/* The password of a KafkaUser: that of the Secret that is there already, else the operator's own, else a new one. */}}
{{- define "orders.kafkaPassword" -}}
{{- $found := "" -}}
{{- range list (include "orders.kafkaUserSecret" .) (include "orders.name" .) -}}
{{- $data := (lookup "v1" "Secret" $.root.Release.Namespace .).data | default dict -}}
{{- $found = $found | default (get $data "password" | b64dec) -}}
{{- end -}}
{{- $found | default (randAlphaNum 32) -}}
{{- end -}}

{{/* Whole folders, not single files: only those follow when the operator renews a certificate or a password. */}}
{{- define "orders.kafkaVolumes" -}}
{{- with include "orders.kafkaCaSecret" .root }}
- name: kafka-ca
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items:
      - key: {{ if eq $.root.Values.kafka.mode "strimzi" }}ca.crt{{ else }}{{ $.root.Values.kafka.external.tls.caKey }}{{ end }}
        path: ca.crt
{{- end }}
{{- with include "orders.kafkaUserSecret" . }}
- name: kafka-user
  secret:
    secretName: {{ . }}
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

{{/* A value as text. Numbers of a values file are floating-point: 1000000 would be 1e+06. */}}
{{- define "orders.scalar" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{ int64 . }}{{- else -}}{{ . }}{{- end -}}
{{- end -}}

{{/* A ConfigMap's data: the settings of a service, and what the values add or replace. Arguments: root, component, more (map). */}}
{{- define "orders.config" -}}
{{- range $name, $value := mergeOverwrite (include (printf "orders.settings.%s" .component) .root | fromYaml) .more }}
{{ $name }}: {{ include "orders.scalar" $value | quote }}
{{- end }}
{{- end -}}

{{/* Labels of a service's pods. Arguments: root, component, values. */}}
{{- define "orders.podLabels" -}}
{{ include "orders.selectorLabels" . }}
{{- with .values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What makes pods start anew: changed settings, changed passwords. Not more: with a label of the chart in it, every new
     version of the chart would. Arguments: root, component, values. */}}
{{- define "orders.podAnnotations" -}}
checksum/config: {{ include "orders.config" (dict "root" .root "component" .component "more" .values.settings) | sha256sum }}
{{- if ne .root.Values.postgres.mode "external" }}
{{- include "orders.passwords" .root }}
checksum/database: {{ .root.Values.generatedPasswords | toJson | sha256sum }}
{{- end }}
{{- with .values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "orders.allowDns" -}}
- to:
    {{- toYaml .Values.networkPolicy.dns | nindent 4 }}
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end -}}

{{- define "orders.allowPostgres" -}}
{{- with .Values.postgres -}}
{{- if eq .mode "external" -}}
- ports:
    - {port: {{ .external.port }}, protocol: TCP}
  {{- with .external.peers }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- else -}}
- ports:
    - {port: 5432, protocol: TCP}
  to:
    - podSelector:
        matchLabels:
          {{- if eq .mode "cloudnativepg" }}
          cnpg.io/cluster: {{ include "orders.name" (dict "root" $ "component" "postgres") }}
          {{- else }}
          {{- include "orders.selectorLabels" (dict "root" $ "component" "postgres") | nindent 10 }}
          {{- end }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "orders.allowKafka" -}}
{{- $ports := list -}}
{{- range splitList "," (include "orders.kafkaBrokers" .) -}}
{{- $ports = append $ports (splitList ":" . | last) -}}
{{- end -}}
- ports:
    {{- range uniq $ports }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
  {{- if eq .Values.kafka.mode "strimzi" }}
  to:
    - podSelector:
        matchLabels:
          {{- include "orders.brokerLabels" . | nindent 10 }}
  {{- else }}
  {{- with .Values.kafka.external.peers }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end -}}

{{- define "orders.allowMonitoring" -}}
- from:
    {{- toYaml .Values.networkPolicy.monitoring | nindent 4 }}
  ports:
    - {port: ops, protocol: TCP}
{{- end -}}
