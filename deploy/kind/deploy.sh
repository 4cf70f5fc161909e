#!/bin/sh
# `make deploy`: installs the release, or upgrades it, and waits until it is ready. Values: VALUES="file file".
set -eu
cd "$(dirname "$0")/../.."
. deploy/kind/common.sh
require "$HELM" HELM

set --
for file in ${VALUES:-}; do set -- "$@" --values "$file"; done
# The tag stays the same here: without this, pods would keep the old image.
for service in orderApi:order-api outboxRelay:outbox-relay orderConsumer:order-consumer; do
  id=$("$DOCKER" image inspect --format '{{.Id}}' "$IMAGE_PREFIX/${service#*:}:$IMAGE_TAG" 2>/dev/null || true)
  [ -z "$id" ] || set -- "$@" --set-string "${service%:*}.podAnnotations.image-id=$id"
done
step "release $RELEASE: until everything is ready, at most 15 minutes"
# Helm prints nothing while it waits. It runs in the foreground, so that Ctrl-C ends it.
deploy/kind/waiting.sh $$ &
helm_ upgrade --install "$RELEASE" deploy/helm --namespace "$NAMESPACE" --create-namespace \
  --set "image.prefix=$IMAGE_PREFIX" --set-string "image.tag=$IMAGE_TAG" --wait --timeout 15m "$@" ${HELM_ARGS:-} || {
  code=$?
  echo "== not everything became ready; waiting for:" >&2
  deploy/kind/waiting.sh >&2
  echo "More: make logs" >&2
  exit "$code"
}
