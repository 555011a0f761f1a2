#!/usr/bin/env bash
# Fetches the tus-js-client of npm, with which the service's resumable uploads
# are tested, and prints the folder of its modules.
set -euo pipefail

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "tus-client.sh: node and npm are missing" >&2
  exit 1
fi
dir=${XDG_CACHE_HOME:-$HOME/.cache}/satgraph/tus-client
want="tus-js-client@4.3.1"
if [ "$(cat "$dir/installed" 2>/dev/null)" != "$want" ]; then
  mkdir -p "$dir"
  npm install --prefix "$dir" --no-save --no-audit --no-fund --ignore-scripts "$want" >&2
  echo "$want" >"$dir/installed"
fi
echo "$dir/node_modules"
