{{/* Names and labels of the objects. */}}

{{- define "orders.fullname" -}}
{{- $name := .Values.fullnameOverride | default .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- /* Helm accepts more: a Service whose name begins with a digit, or has a dot, would be refused after other objects were made. */}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) -}}
{{- fail (printf "the release's name: expected a letter, then letters, digits and -, as names of Services have it, found %s. Choose another name for the release, or set fullnameOverride." .Release.Name) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/* Name of a component's objects. Arguments: root, component. */}}
{{- define "orders.name" -}}
{{- printf "%s-%s" (include "orders.fullname" .root) .component -}}
{{- end -}}

{{/* Selects the pods of this release and nothing else: Kafka's operator gives its pods the same instance, but another name.
     Arguments: root, and component where it is one component's pods. */}}
{{- define "orders.selectorLabels" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
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

{{/* Labels of objects whose labels an operator copies into its pods. Nothing in them changes with the chart's version alone:
     otherwise each new version would restart Kafka. */}}
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
