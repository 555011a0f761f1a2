#!/usr/bin/env bash
# Reads the code without running it: golangci-lint (.golangci.yml: faults,
# import directions, doc comments, gofumpt), ShellCheck over the scripts, and
# govulncheck over what the program calls in its dependencies.
set -euo pipefail

cd "$(dirname "$0")/.."
scripts/tools.sh golangci-lint govulncheck

.tools/bin/golangci-lint run --concurrency "${LINT_JOBS:-2}" ./...

if scripts/need.sh shellcheck; then
  shellcheck scripts/*.sh .ci/run
else
  echo "lint.sh: the scripts were not checked"
fi

# Its database comes from the network and nowhere else. Without it nothing is
# known to be wrong, which is said and is no failure; a finding is (exit 3).
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
.tools/bin/govulncheck ./... >"$log" 2>&1 || status=$?
if [ "$status" = 1 ] && grep -q 'fetching vulnerabilities' "$log"; then
  echo "lint.sh: govulncheck could not reach the Go vulnerability database: dependencies were NOT checked for known vulnerabilities"
else
  cat "$log"
  exit "$status"
fi
