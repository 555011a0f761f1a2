#!/usr/bin/env bash
# Races the whole way from a scan to 30 masks at full size: SAT-Nano with random
# weights (bench/convert/checkpoint.py), two windows of 288x288x96, against plain
# PyTorch and MONAI. It needs 18 GB of memory, 3 GB of disk and, on two quiet
# cores, a quarter of an hour. What it makes is kept in DIR (default:
# .tools/pipeline-full). PyTorch is that of bench/pipeline/run.sh, which is run
# first.
#
#   bench/pipeline/full.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

dir=${DIR:-.tools/pipeline-full}
python=${PYTHON:-.tools/pipeline-bench/venv/bin/python}
mkdir -p "$dir"
go build -o "$dir/pipeline" ./bench/pipeline
go build -o "$dir/satgraph" ./cmd/satgraph
if [ ! -d "$dir/bundle" ]; then
	"$dir/pipeline" scan "$dir"
	"$python" bench/convert/checkpoint.py --size nano --out "$dir"
	scripts/test-services.sh "$dir/satgraph" model convert --vision "$dir/vision.pth" --text "$dir/text_encoder.pth" \
		-o "$dir/bundle" >/dev/null
	scripts/test-services.sh "$dir/pipeline" queries "$dir/bundle" "$dir/queries.npy"
fi
scripts/test-services.sh "$dir/pipeline" full "$dir" "$python" bench/pipeline/peer.py
