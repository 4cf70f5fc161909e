#!/bin/sh
# `make kind-up`: a kind cluster with everything that `helm install orders deploy/helm` needs. It keeps what exists, so it can be run
# again: after a change of the sources it loads the new images. Settings: deploy/versions.env.
set -eu
cd "$(dirname "$0")/../.."
. deploy/kind/common.sh
require "$DOCKER" DOCKER
require "$KIND" KIND
require "$KUBECTL" KUBECTL
require "$HELM" HELM

step "cluster $KIND_CLUSTER"
if "$KIND" get clusters 2>/dev/null | grep -qx "$KIND_CLUSTER"; then
  echo "exists"
  "$KIND" export kubeconfig --quiet --name "$KIND_CLUSTER"
else
  {
    printf 'kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n  - role: control-plane\n'
    node=1
    while [ "$node" -lt "$KIND_NODES" ]; do printf '  - role: worker\n'; node=$((node + 1)); done
  } | "$KIND" create cluster --name "$KIND_CLUSTER" ${KIND_NODE_IMAGE:+--image "$KIND_NODE_IMAGE"} --config - --wait 180s
fi
echo "until every node is ready, at most 3 minutes"
kubectl_ wait --for=condition=Ready node --all --timeout=180s || { kubectl_ describe nodes | grep -A 12 Conditions: >&2; exit 1; }

step "images"
deploy/images/build.sh

step "images into the cluster"
for image in "$IMAGE_PREFIX/order-api:$IMAGE_TAG" "$IMAGE_PREFIX/outbox-relay:$IMAGE_TAG" "$IMAGE_PREFIX/order-consumer:$IMAGE_TAG" $KIND_LOAD_IMAGES; do
  "$KIND" load docker-image "$image" --name "$KIND_CLUSTER"
done

step "Strimzi operator"
if [ "$STRIMZI_ENABLED" = true ]; then
  # A release of its own: a subchart's CRDs are never upgraded, and the operator must outlive the topics that it manages.
  echo "until the operator is ready, at most 10 minutes"
  helm_ upgrade --install strimzi "$STRIMZI_CHART" ${STRIMZI_VERSION:+--version "$STRIMZI_VERSION"} \
    --namespace "$STRIMZI_NAMESPACE" --create-namespace --set watchAnyNamespace=true --wait --timeout 10m || {
    code=$?
    echo "the Strimzi operator did not become ready:" >&2
    kubectl_ -n "$STRIMZI_NAMESPACE" get pods >&2
    kubectl_ -n "$STRIMZI_NAMESPACE" get events --field-selector type=Warning --sort-by=.lastTimestamp >&2 | tail -n 10
    exit "$code"
  }
else
  echo "skipped (STRIMZI_ENABLED=$STRIMZI_ENABLED): the chart needs kafka.mode=external"
fi

step "namespace $NAMESPACE enforces Pod Security restricted"
kubectl_ get namespace "$NAMESPACE" >/dev/null 2>&1 || kubectl_ create namespace "$NAMESPACE"
kubectl_ label --overwrite namespace "$NAMESPACE" pod-security.kubernetes.io/enforce=restricted pod-security.kubernetes.io/warn=restricted

cat <<TEXT

Ready. Next:
  $HELM install $RELEASE deploy/helm --namespace $NAMESPACE     (or make deploy, which also upgrades, and says what it waits for)
  make waiting                                  shows meanwhile what is not ready yet, and why
  $HELM test $RELEASE --namespace $NAMESPACE --logs
  make e2e
TEXT
