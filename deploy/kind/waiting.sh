#!/bin/sh
# `make waiting`: prints what the release waits for, and what cannot start and why. With an argument, the id of a process: prints
# changes every few seconds, until that process has ended.
set -u
cd "$(dirname "$0")/../.."
. deploy/kind/common.sh

PODS='{{range .items}}{{$pod := .metadata.name}}{{if ne .status.phase "Succeeded"}}
{{- range .status.conditions}}{{if and (eq .type "PodScheduled") (ne .status "True")}}pod {{$pod}}: no node for it: {{.message}}{{"\n"}}{{end}}{{end}}
{{- range .status.initContainerStatuses}}{{$name := .name}}
  {{- with .state.waiting}}pod {{$pod}}: {{$name}} cannot start yet: {{.reason}} {{.message}}{{"\n"}}{{end}}
  {{- with .state.running}}pod {{$pod}}: {{$name}} is running{{"\n"}}{{end}}{{end}}
{{- range .status.containerStatuses}}{{$name := .name}}{{if not .ready}}
  {{- with .state.waiting}}{{if ne .reason "PodInitializing"}}pod {{$pod}}: {{$name}} cannot start yet: {{.reason}} {{.message}}{{"\n"}}{{end}}{{end}}
  {{- with .state.running}}pod {{$pod}}: {{$name}} runs and is not ready{{"\n"}}{{end}}
  {{- with .lastState.terminated}}pod {{$pod}}: {{$name}} ended before: {{.reason}}, exit code {{.exitCode}}{{"\n"}}{{end}}{{end}}{{end}}
{{- end}}{{end}}'
CONDITIONS='{{range .items}}{{$kind := .kind}}{{$name := .metadata.name}}{{if not .status}}{{$kind}} {{$name}}: its operator has not looked at it yet{{"\n"}}{{else}}
{{- range .status.conditions}}{{if or (and (eq .type "Ready") (eq .status "False")) (and (eq .type "NotReady") (eq .status "True"))}}{{$kind}} {{$name}}: {{.reason}} {{.message}}{{"\n"}}{{end}}{{end}}{{end}}{{end}}'
UNAVAILABLE='{{range .items}}{{$kind := .kind}}{{$name := .metadata.name}}{{range .status.conditions}}{{if and (eq .type "ReplicaFailure") (eq .status "True")}}{{$kind}} {{$name}}: {{.message}}{{"\n"}}{{end}}{{end}}{{end}}'

# Hides errors of kinds that the cluster does not have, or of a cluster that is still starting.
get() { kubectl_ -n "$NAMESPACE" get "$@" 2>/dev/null; }

report() {
  ours="-l app.kubernetes.io/instance=$RELEASE"
  # shellcheck disable=SC2086
  {
    get pods $ours -o go-template="$PODS"
    get deployments,replicasets,statefulsets $ours -o go-template="$UNAVAILABLE"
    get kafka,kafkanodepool,kafkatopic,kafkauser $ours -o go-template="$CONDITIONS"
    get clusters.postgresql.cnpg.io $ours -o go-template="$CONDITIONS"
    # Jobs and pod sets too: their pods were refused and therefore do not exist.
    get events --field-selector type=Warning,reason=FailedCreate -o go-template='{{range .items}}{{.involvedObject.kind}} {{.involvedObject.name}}: {{.message}}{{"\n"}}{{end}}' | tail -n 3
    if [ "$STRIMZI_ENABLED" = true ]; then operator_errors 3; fi
  } | sed 's/<no value>//g; s/[[:space:]]*$//' | grep -v '^$'
}

if [ $# -eq 0 ]; then
  said=$(report)
  echo "${said:-nothing: everything of $RELEASE is ready}"
  exit 0
fi
before=
while kill -0 "$1" 2>/dev/null; do
  said=$(report)
  if [ -n "$said" ] && [ "$said" != "$before" ]; then
    printf -- '-- %s, waiting for:\n%s\n' "$(date +%T)" "$said" | cut -c1-300
    before=$said
  fi
  sleep 5
done
