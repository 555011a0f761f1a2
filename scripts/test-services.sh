#!/usr/bin/env bash
# Prepares the real parts that tests run against, then runs a command among
# them. The tests use no stand-ins, so a part that can't be had is a failure.
#
#   scripts/test-services.sh [--neo4j] COMMAND...
#
# Prepared: ONNX Runtime's library, in the cache folder where the program looks
# for it by itself. With --neo4j also a Neo4j server, which is stopped once the
# command has ended; SATGRAPH_TEST_NEO4J and NEO4J_PASSWORD tell tests where it
# is. A server that SATGRAPH_TEST_NEO4J names already is used as it is. Where
# none can be had its tests are skipped, which with CI=true or
# SATGRAPH_REQUIRE_SHARED=1 is a failure.
set -euo pipefail

scripts=$(cd "$(dirname "$0")" && pwd)

neo4j=
if [ "${1:-}" = --neo4j ]; then
  shift
  if [ -z "${SATGRAPH_TEST_NEO4J:-}" ]; then
    neo4j=$(mktemp -d)
    trap '"$scripts/neo4j.sh" stop "$neo4j"; rm -rf "$neo4j"' EXIT
    NEO4J_PASSWORD=$(od -An -tx8 -N16 /dev/urandom | tr -d ' ')
    export NEO4J_PASSWORD
    "$scripts/neo4j.sh" start "$neo4j" >"$neo4j/uri" &
    starting=$!
  fi
fi
# The library is only fetched where the user does not bring one.
if [ -z "${SATGRAPH_ONNXRUNTIME:-}" ]; then
  "$scripts/onnxruntime.sh" >/dev/null
fi
if [ -n "$neo4j" ]; then
  if wait "$starting"; then
    SATGRAPH_TEST_NEO4J=$(cat "$neo4j/uri")
    export SATGRAPH_TEST_NEO4J
  elif [ "${CI:-}" = true ] || [ "${SATGRAPH_REQUIRE_SHARED:-}" = 1 ]; then
    exit 1
  else
    echo "test-services.sh: no Neo4j here, so the tests of store/neo4j are SKIPPED" >&2
  fi
fi
"$@"
