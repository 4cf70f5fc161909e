{{/* Postgres: where it is, its Secrets, and what a client mounts. */}}

{{/* The host of the release's own Postgres. */}}
{{- define "orders.postgresHost" -}}
{{- $name := include "orders.name" (dict "root" . "component" "postgres") -}}
{{- if eq .Values.postgres.mode "cloudnativepg" -}}{{ $name }}-rw{{- else -}}{{ $name }}{{- end -}}
{{- end -}}

{{- define "orders.databaseSecret" -}}
{{- if eq .Values.postgres.mode "external" -}}
{{- required "postgres.external.existingSecret: expected the name of a Secret, found none" .Values.postgres.external.existingSecret -}}
{{- else -}}
{{- include "orders.name" (dict "root" . "component" "database") -}}
{{- end -}}
{{- end -}}

{{/* The Secret with the certificate authority of Postgres; empty where the connection is not encrypted. */}}
{{- define "orders.databaseCaSecret" -}}
{{- if eq .Values.postgres.mode "cloudnativepg" -}}
{{- printf "%s-ca" (include "orders.name" (dict "root" . "component" "postgres")) -}}
{{- else if eq .Values.postgres.mode "external" -}}
{{- .Values.postgres.external.tls.caSecret -}}
{{- end -}}
{{- end -}}

{{/* Passwords of the release's own Postgres: those of the existing Secret, else new ones. Generated once for each
     rendering, so that every template and each checksum sees the same. */}}
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

{{/* Arguments: root, key. */}}
{{- define "orders.databaseVolumes" -}}
- name: database
  secret:
    secretName: {{ include "orders.databaseSecret" .root | quote }}
    defaultMode: 0440
    items:
      - key: {{ .key }}
        path: url
{{- include "orders.databaseCaVolume" .root }}
{{- end -}}

{{- define "orders.databaseCaVolume" -}}
{{- with include "orders.databaseCaSecret" . }}
# Only the certificate, not the key that the operator keeps beside it.
- name: database-ca
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
    items:
      - key: {{ ternary $.Values.postgres.external.tls.caKey "ca.crt" (eq $.Values.postgres.mode "external") | quote }}
        path: ca.crt
{{- end }}
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
