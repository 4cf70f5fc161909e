#!/bin/sh
# Copies what one service needs at run time: its production dependencies, its own and its packages' compiled code, its
# migrations. Run it in a compiled checkout:  deploy/images/assemble.sh SERVICE FOLDER
set -eu
service=$1 out=$2
source=$(pwd)

mkdir -p "$out"
find . -name package.json -not -path '*/node_modules/*' -exec cp --parents {} "$out" \;
cp package-lock.json .npmrc "$out"
cd "$out"
npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund --workspace "services/$service"

# The service needs exactly the workspaces that npm linked.
used=$(find node_modules/@orders -type l -exec readlink -f {} \;)
for workspace in packages/* services/* testing; do
  if echo "$used" | grep -qx "$(pwd)/$workspace"; then
    cp -R "$source/$workspace/dist" "$workspace/"
    [ ! -d "$source/$workspace/migrations" ] || cp -R "$source/$workspace/migrations" "$workspace/"
  else
    rm -rf "$workspace"
  fi
done
rm -f package-lock.json .npmrc node_modules/.package-lock.json

# Types and source maps are half of the files, and not used at run time.
find . -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' -o -name '*.tsbuildinfo' -o -name .tsbuildinfo \) -delete
# The same content gives the same layer.
find . -exec touch -h -d @0 {} +
