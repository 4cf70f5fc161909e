{{/* Operators that the chart depends on. */}}

{{/* Fails with one message when an operator is missing; a cluster without it would refuse its resources one by one. `helm template`
     and `helm lint` know no cluster and pass: only a real one has apiregistration. Arguments: root, what, api, remedy. */}}
{{- define "orders.requireApi" -}}
{{- if and (.root.Capabilities.APIVersions.Has "apiregistration.k8s.io/v1") (not (.root.Capabilities.APIVersions.Has .api)) -}}
{{- fail (printf "%s needs the API %s, and this cluster does not have it. %s" .what .api .remedy) -}}
{{- end -}}
{{- end -}}
