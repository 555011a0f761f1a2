#!/usr/bin/env bash
# Runs the tests of training/ under the system's Python, with Debian's PyTorch
# (the CPU build, 150 MB). Exit 3 where PyTorch is absent and can't be installed.
set -euo pipefail

cd "$(dirname "$0")/.."
scripts/need.sh torch || exit 3
exec /usr/bin/python3 -B -m pytest -q -p no:cacheprovider training/tests
