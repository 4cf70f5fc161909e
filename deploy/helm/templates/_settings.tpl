{{/* Settings of the services: the data of their ConfigMaps. */}}

{{/* A ConfigMap's data: the settings of a service, and those that the values add or replace. Arguments: root, component, more (map). */}}
{{- define "orders.config" -}}
{{- $settings := include (printf "orders.settings.%s" .component) .root | fromYaml -}}
{{- /* fromYaml does not fail: without this check all settings would be replaced by a message. */}}
{{- with $settings.Error }}{{ fail . }}{{ end }}
{{- range $name, $value := mergeOverwrite $settings .more }}
{{ $name }}: {{ include "orders.scalar" $value | quote }}
{{- end }}
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

{{/* A value as text. Numbers of a values file are floating-point: 1000000 would become 1e+06. */}}
{{- define "orders.scalar" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{ int64 . }}{{- else -}}{{ . }}{{- end -}}
{{- end -}}
