#!/usr/bin/env bash
# Races the Neo4j store against @neo4j/graphql on one real server in one run.
# The peer's packages, pinned in package-lock.json, are kept in .tools.
#
#   bench/neo4j/run.sh [-terms N]
set -euo pipefail
cd "$(dirname "$0")/../.."

command -v npm >/dev/null || {
  echo "bench/neo4j: npm (Node.js 20 or newer) is needed for the peer" >&2
  exit 1
}
peer=.tools/bench-neo4j
mkdir -p "$peer"
cp bench/neo4j/{package.json,package-lock.json,.npmrc,peer.mjs} "$peer/"
if ! cmp -s bench/neo4j/package-lock.json "$peer/installed"; then
  (cd "$peer" && npm ci --silent)
  cp bench/neo4j/package-lock.json "$peer/installed"
fi
go build -o "$peer/race" ./bench/neo4j
go build -o "$peer/satgraph" ./cmd/satgraph

work=$(mktemp -d)
trap 'scripts/neo4j.sh stop "$work/neo4j"; rm -rf "$work"' EXIT
NEO4J_PASSWORD=$(od -An -tx8 -N16 /dev/urandom | tr -d ' ')
export NEO4J_PASSWORD
NEO4J_URI=$(NEO4J_HEAP=1g NEO4J_PAGECACHE=256m scripts/neo4j.sh start "$work/neo4j")
export NEO4J_URI
"$peer/race" -satgraph "$peer/satgraph" -peer "$peer/peer.mjs" "$@"
