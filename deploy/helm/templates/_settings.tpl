{{/* Settings of the services: the data of their ConfigMaps. */}}

{{/* A ConfigMap's data: the settings of a service, and those that the values add or replace. Arguments: root, component, more (map). */}}
{{- define "orders.config" -}}
{{- include "orders.refuseSettings" . -}}
{{- $settings := include (printf "orders.settings.%s" .component) .root | fromYaml -}}
{{- /* fromYaml does not fail: without this check all settings would be replaced by a message. */}}
{{- with $settings.Error }}{{ fail . }}{{ end }}
{{- range $name, $value := mergeOverwrite $settings .more }}
{{ $name }}: {{ include "orders.scalar" $value | quote }}
{{- end }}
{{- end -}}

{{/* Settings that other objects depend on, such as rights, Leases and topics: they follow a value. Set past it, the service would ask for
     what it has no right to. Arguments: root, component, more (map). */}}
{{- define "orders.refuseSettings" -}}
{{- $values := dict
  "RELAY_NAME" "outboxRelay.name"
  "RELAY_SHARDS" "outboxRelay.shards"
  "RELAY_DELIVERY" "outboxRelay.delivery"
  "RELAY_DEFAULT_TOPIC" "topics.events.name"
  "RELAY_LEASE_NAMESPACE" "the namespace of the release"
  "CONSUMER_GROUP" "orderConsumer.group"
  "CONSUMER_TOPIC" "topics.events.name"
  "CONSUMER_DEAD_LETTER_TOPIC" "topics.deadLetters.name"
-}}
{{- range $name, $_ := .more -}}
{{- with get $values (trimSuffix "_FILE" $name) -}}
{{- fail (printf "%s.settings.%s: expected %s instead: rights and other objects depend on it" (camelcase ($.component | replace "-" "_") | untitle) $name .) -}}
{{- end -}}
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

{{/* A value as text. Numbers of a values file are floating-point: 1000000 would become 1e+06. */}}
{{- define "orders.scalar" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{ int64 . }}{{- else -}}{{ . }}{{- end -}}
{{- end -}}
