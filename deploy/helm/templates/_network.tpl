{{/* Rules of the network policies. */}}

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
{{- with .Values.networkPolicy.monitoring -}}
- from:
    {{- toYaml . | nindent 4 }}
  ports:
    - {port: ops, protocol: TCP}
{{- end -}}
{{- end -}}
