#!/usr/bin/env bash
# Prints the Python interpreter that has PyTorch (Debian's CPU build, 151 MB),
# MONAI and nnU-Net (the wheels of torch-tools.txt, 161 MB), by which tests check
# exports. Exit 3 where they can't be had: it serves Python 3.11 as /usr/bin/python3,
# the one that Debian 12 has with a PyTorch to which the pinned wheels belong.
set -euo pipefail

cd "$(dirname "$0")/.."
have=$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || have=missing
case $have in
3.11) ;;
missing) ;; # need.sh installs it or says how
*)
  cat >&2 <<EOF
torch-tools.sh: /usr/bin/python3 is $have; 3.11 alone is served, as Debian 12 has it
with python3-torch 1.13. 3.10, 3.12 and 3.13 are not: NumPy 1.26, SciPy 1.13 and
the other wheels of scripts/torch-tools.txt are pinned for what that PyTorch was
built with. The other tools (scripts/python-tools.sh export-tools) need no PyTorch.
EOF
  exit 3
  ;;
esac
scripts/need.sh torch >&2 || exit 3
TOOLS_PYTHON=/usr/bin/python3 scripts/python-tools.sh torch-tools || exit 3
