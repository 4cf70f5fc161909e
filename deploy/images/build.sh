#!/bin/sh
# The images of the three services (`make images`).
set -eu
cd "$(dirname "$0")/../.."
. deploy/versions.env

for service in order-api outbox-relay order-consumer; do
  echo "== $IMAGE_PREFIX/$service:$IMAGE_TAG"
  DOCKER_BUILDKIT=1 "$DOCKER" build --file deploy/images/Dockerfile --target "$service" \
    --build-arg NODE_IMAGE="$NODE_IMAGE" --build-arg RUNTIME_IMAGE="$RUNTIME_IMAGE" --build-arg SOURCE_DATE_EPOCH=0 \
    --label org.opencontainers.image.title="$service" --label org.opencontainers.image.version="$IMAGE_TAG" \
    --tag "$IMAGE_PREFIX/$service:$IMAGE_TAG" .
done
