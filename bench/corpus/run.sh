#!/usr/bin/env bash
# Measures reading, checking and indexing a scan list (scans.jsonl.gz), and races
# it against Python's standard library.
#
#   bench/corpus/run.sh [-n ROUNDS] SCANS
set -euo pipefail
cd "$(dirname "$0")/../.."
exec go run ./bench/corpus "$@"
