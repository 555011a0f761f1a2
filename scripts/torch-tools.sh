#!/usr/bin/env bash
# Prints the Python interpreter that has PyTorch (Debian's CPU build, 151 MB),
# MONAI and nnU-Net (the wheels of torch-tools.txt, 161 MB), by which tests check
# exports. Exit 3 where they can't be had.
set -euo pipefail

cd "$(dirname "$0")/.."
scripts/need.sh torch >&2 || exit 3
have=$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
if [ "$have" != 3.11 ]; then
  echo "torch-tools.sh: /usr/bin/python3 is $have; the wheels of torch-tools.txt are pinned for 3.11, as Debian 12 has it with python3-torch" >&2
  exit 3
fi
TOOLS_PYTHON=/usr/bin/python3 scripts/python-tools.sh torch-tools || exit 3
