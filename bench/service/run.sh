#!/usr/bin/env bash
# Measures the service: attacks, load, and races against gqlgen on the same tree in
# memory. The peer is generated and built in .tools; nothing of it is committed.
#
#   bench/service/run.sh [FLAGS of bench/service, such as -only race]
set -euo pipefail
cd "$(dirname "$0")/../.."

peer=.tools/bench-gqlgen
mkdir -p "$peer"
cp -r bench/service/gqlgen/. "$peer/"
(
  cd "$peer"
  go mod edit -replace "satgraph=$OLDPWD"
  go mod tidy >/dev/null 2>&1
  go tool gqlgen generate
  go build -o gqlgenpeer .
)
go build -o bin/satgraph ./cmd/satgraph
go build -o "$peer/bench" ./bench/service
"$peer/bench" -peer "$peer/gqlgenpeer" "$@"
