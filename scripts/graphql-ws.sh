#!/usr/bin/env bash
# Fetches the graphql-ws client and the audits of graphql-http of npm, with which the
# service is tested, and prints the folder of their modules.
set -euo pipefail

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "graphql-ws.sh: node and npm are missing" >&2
  exit 1
fi
dir=${XDG_CACHE_HOME:-$HOME/.cache}/satgraph/graphql-ws
want="graphql-ws@6.4.2 graphql-http@1.22.4 graphql@16.15.0 ws@8.23.0"
if [ "$(cat "$dir/installed" 2>/dev/null)" != "$want" ]; then
  mkdir -p "$dir"
  # shellcheck disable=SC2086 # several packages
  npm install --prefix "$dir" --no-save --no-audit --no-fund --ignore-scripts $want >&2
  echo "$want" >"$dir/installed"
fi
echo "$dir/node_modules"
