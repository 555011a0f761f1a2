#!/usr/bin/env bash
# Races standardising a scan with 104 classes against MONAI 1.1.0, its file of
# masks against NumPy's, and measures the building of a corpus, in one run. It
# needs about 6 GiB of memory and 4 GiB of disk, and a Python that has PyTorch
# (PYTHON, default: /usr/bin/python3 with Debian's python3-torch). What it makes
# is kept in DIR (default: .tools/standard-bench).
#
#   bench/standard/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

dir=${DIR:-.tools/standard-bench}
python=${PYTHON:-/usr/bin/python3}
mkdir -p "$dir"
if ! "$python" -c 'import torch' 2>/dev/null; then
	echo "run.sh: $python has no PyTorch; install python3-torch, or set PYTHON" >&2
	exit 1
fi
if [ ! -x "$dir/venv/bin/python" ]; then
	"$python" -m venv --system-site-packages "$dir/venv"
fi
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement bench/pipeline/requirements.txt
go build -o "$dir/standard" ./bench/standard
[ -e "$dir/labels.nii.gz" ] || "$dir/standard" make "$dir"
"$dir/standard" race "$dir" "$dir/venv/bin/python" bench/standard/peer.py
"$dir/standard" classes "$dir/labels.nii.gz" "$dir/venv/bin/python" bench/standard/peer.py
