#!/usr/bin/env bash
# Races the way from a scan to masks against plain PyTorch and MONAI 1.1.0, in
# one run, and prints the ratios of time and peak memory. It needs about 8 GiB of
# memory, and a Python that has PyTorch (PYTHON, default: /usr/bin/python3 with
# Debian's python3-torch). What it makes is kept in DIR (default:
# .tools/pipeline-bench).
#
#   bench/pipeline/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

dir=${DIR:-.tools/pipeline-bench}
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
go build -o "$dir/pipeline" ./bench/pipeline
go build -o "$dir/satgraph" ./cmd/satgraph
if [ ! -d "$dir/bundle" ]; then
	"$dir/pipeline" make "$dir"
	"$dir/venv/bin/python" bench/pipeline/peer.py model "$dir"
	scripts/test-services.sh "$dir/satgraph" model convert --vision "$dir/vision.pth" --text "$dir/text_encoder.pth" \
		--vocab "$dir/biolord/vocab.txt" --patch 96,96,64 -o "$dir/bundle" >/dev/null
	scripts/test-services.sh "$dir/pipeline" queries "$dir/bundle" "$dir/queries.npy"
fi
scripts/test-services.sh "$dir/pipeline" race "$dir" "$dir/venv/bin/python" bench/pipeline/peer.py
