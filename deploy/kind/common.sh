# Sourced by the scripts of this folder, from the top of the checkout.
. deploy/versions.env
: "${KUBE_CONTEXT:=kind-$KIND_CLUSTER}"

step_number=0
step() {
  step_number=$((step_number + 1))
  printf '\n== %s. %s\n' "$step_number" "$*"
}

kubectl_() { "$KUBECTL" --context "$KUBE_CONTEXT" "$@"; }
helm_() { "$HELM" --kube-context "$KUBE_CONTEXT" "$@"; }

require() {
  command -v "$1" >/dev/null || { echo "$1 is needed, and is not on the PATH (or set $2)" >&2; exit 1; }
}

# The last errors of the operator that concern this namespace: only they name a pod that it may not create. Argument: how many.
operator_errors() {
  kubectl_ -n "$STRIMZI_NAMESPACE" logs -l name=strimzi-cluster-operator --tail=2000 2>/dev/null |
    grep -E ' (ERROR|WARN) |forbidden' | grep -F "$NAMESPACE" | tail -n "$1" | sed 's/^/operator: /'
}
