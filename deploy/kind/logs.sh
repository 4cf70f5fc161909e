#!/bin/sh
# `make logs`: pods, events, and the last lines of every container of the release, also of restarted ones.
set -u
cd "$(dirname "$0")/../.."
. deploy/kind/common.sh

selector=app.kubernetes.io/instance=$RELEASE
step pods
kubectl_ -n "$NAMESPACE" get pods,jobs,leases -o wide
kubectl_ -n "$NAMESPACE" get kafka,kafkanodepool,kafkatopic,kafkauser 2>/dev/null
step waiting
deploy/kind/waiting.sh
step events
kubectl_ -n "$NAMESPACE" get events --sort-by=.lastTimestamp | tail -n 60
if [ "$STRIMZI_ENABLED" = true ]; then
  step "errors and warnings of the Strimzi operator"
  operator_errors 20
fi
for pod in $(kubectl_ -n "$NAMESPACE" get pods -l "$selector" -o name); do
  step "$pod"
  kubectl_ -n "$NAMESPACE" logs "$pod" --all-containers --prefix --tail="${LINES_OF_LOG:-40}"
  kubectl_ -n "$NAMESPACE" logs "$pod" --all-containers --prefix --tail="${LINES_OF_LOG:-40}" --previous 2>/dev/null
done
exit 0
