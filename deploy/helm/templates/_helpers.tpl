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

{{- define "orders.metadata" -}}
name: {{ include "orders.name" . }}
labels:
  {{- include "orders.labels" . | nindent 2 }}
{{- end -}}

{{/* Arguments: root, component. */}}
{{- define "orders.image" -}}
{{- with .root.Values.image -}}
{{- printf "%s/%s:%s" .prefix $.component (.tag | default $.root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "orders.relayName" -}}
{{- .Values.outboxRelay.name | default (printf "%s-outbox-relay" (include "orders.fullname" .)) -}}
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

{{/* What the pods of all three services have in common. Arguments: root, component, values. */}}
{{- define "orders.podSpec" -}}
serviceAccountName: {{ include "orders.name" . }}
automountServiceAccountToken: false
# Else a Service called order-api would put ORDER_API_PORT into every pod, which order-api takes for a setting of its own.
enableServiceLinks: false
terminationGracePeriodSeconds: 30
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
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
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "orders.probes" -}}
# Long enough for a busy node to start Node; liveness begins after it.
startupProbe:
  httpGet: {path: /livez, port: ops}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /livez, port: ops}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
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
  args: [services/{{ .schema }}/dist/await-schema.js]
  env:
    - name: DATABASE_URL_FILE
      value: /secrets/database/url
    - name: AWAIT_SCHEMA_DEADLINE_MS
      value: {{ int64 .root.Values.migrations.deadlineMs | quote }}
  resources:
    {{- toYaml .root.Values.migrations.resources | nindent 4 }}
  securityContext:
    {{- include "orders.containerSecurityContext" . | nindent 4 }}
  volumeMounts:
    - name: database
      mountPath: /secrets/database
      readOnly: true
{{- end -}}

{{- define "orders.databaseSecret" -}}
{{- if eq .Values.postgres.mode "external" -}}
{{- required "postgres.external.existingSecret: expected the name of a Secret, found none" .Values.postgres.external.existingSecret -}}
{{- else -}}
{{- include "orders.name" (dict "root" . "component" "database") -}}
{{- end -}}
{{- end -}}

{{/* Arguments: root, key. */}}
{{- define "orders.databaseVolume" -}}
- name: database
  secret:
    secretName: {{ include "orders.databaseSecret" .root }}
    defaultMode: 0440
    items:
      - key: {{ .key }}
        path: url
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

{{/* Settings of every service. Argument: the values of the service. */}}
{{- define "orders.serviceSettings" -}}
DATABASE_URL_FILE: /secrets/database/url
{{- with .nodeOptions }}
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

{{- define "orders.kafkaCaSecret" -}}
{{- if eq .Values.kafka.mode "strimzi" -}}{{ include "orders.fullname" . }}-cluster-ca-cert{{- else -}}{{ .Values.kafka.external.tls.caSecret }}{{- end -}}
{{- end -}}

{{/* Arguments: root, component. */}}
{{- define "orders.kafkaUserSecret" -}}
{{- $sasl := .root.Values.kafka.external.sasl -}}
{{- if eq .root.Values.kafka.mode "strimzi" -}}
{{- include "orders.name" . -}}
{{- else if $sasl.mechanism -}}
{{- $value := ternary "relaySecret" "consumerSecret" (eq .component "outbox-relay") -}}
{{- required (printf "kafka.external.sasl.%s: expected the name of a Secret, found none" $value) (get $sasl $value) -}}
{{- end -}}
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
    - port: {{ .external.port }}
  {{- with .external.peers }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- else -}}
- ports:
    - port: 5432
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
    - port: {{ . }}
    {{- end }}
  {{- if eq .Values.kafka.mode "strimzi" }}
  to:
    - podSelector:
        matchLabels:
          strimzi.io/cluster: {{ include "orders.fullname" . }}
          strimzi.io/kind: Kafka
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
    - port: ops
{{- end -}}
