#!/bin/sh
# `make kind-down`: removes the cluster, with all that is in it.
set -eu
cd "$(dirname "$0")/../.."
. deploy/kind/common.sh
require "$KIND" KIND
"$KIND" delete cluster --name "$KIND_CLUSTER"
