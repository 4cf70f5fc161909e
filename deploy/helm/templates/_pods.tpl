{{/* The parts that the pods of all services share. */}}

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
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Replicas of a Deployment that the chart scales. `kubectl scale` takes ownership of the number, and Helm 4, which uses
     server-side apply, would be refused a different one. So a number that was changed by hand stays, as with Helm 3, until the value
     itself changes: an annotation keeps the value of the last revision. Arguments: root, component, values. */}}
{{- define "orders.replicas" -}}
{{- $live := lookup "apps/v1" "Deployment" .root.Release.Namespace (include "orders.name" .) -}}
{{- $before := get (dig "metadata" "annotations" dict $live) "orders-outbox/replicas" -}}
{{- if and $live (eq $before (toString .values.replicas)) -}}{{ dig "spec" "replicas" .values.replicas $live }}{{- else -}}{{ .values.replicas }}{{- end -}}
{{- end -}}

{{- define "orders.replicasAnnotation" -}}
orders-outbox/replicas: {{ .values.replicas | quote }}
{{- end -}}

{{/* Common to the pods of all three services. Arguments: root, component, values. */}}
{{- define "orders.podSpec" -}}
serviceAccountName: {{ include "orders.name" . }}
automountServiceAccountToken: false
# Otherwise a Service called order-api would set ORDER_API_PORT in every pod, and order-api would read it as its own setting.
enableServiceLinks: false
# Above SHUTDOWN_DELAY_MS and SHUTDOWN_DEADLINE_MS together, also where the values set them.
terminationGracePeriodSeconds: {{ include "orders.gracePeriodSeconds" .values.settings }}
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
    # Only pods of one revision: otherwise old pods, about to end, decide where new ones are placed.
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- include "orders.scheduling" .values }}
{{- end -}}

{{/* Ten seconds more than a service takes to stop. Argument: the settings of its values. */}}
{{- define "orders.gracePeriodSeconds" -}}
{{- $delay := get . "SHUTDOWN_DELAY_MS" | default 10000 | int64 -}}
{{- $deadline := get . "SHUTDOWN_DEADLINE_MS" | default 20000 | int64 -}}
{{- max 40 (add 10 (div (add $delay $deadline 999) 1000)) -}}
{{- end -}}

{{/* As Pod Security `restricted` requires. Argument: uid. */}}
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

{{/* Where pods may run. Argument: the values of a component. */}}
{{- define "orders.scheduling" -}}
{{- range $key := list "nodeSelector" "tolerations" "affinity" }}
{{- with get $ $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "orders.probes" -}}
# Long enough for Node to start on a busy node; liveness begins after it.
startupProbe:
  httpGet: {path: /livez, port: ops}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 60
# Long timeouts: a node that is busy for half a minute answers no probe in time, and restarts would keep it busy.
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

{{/* Holds a pod back until the migrations of its version are applied. order-api's image has those of the relay's
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

{{/* Labels of a service's pods. Arguments: root, component, values. */}}
{{- define "orders.podLabels" -}}
{{ include "orders.selectorLabels" . }}
{{- with .values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Restart the pods when settings or passwords change, and only then: a label of the chart in the checksum would restart them
     with every new version. Arguments: root, component, values. */}}
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
