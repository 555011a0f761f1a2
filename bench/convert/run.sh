#!/usr/bin/env bash
# Makes a random checkpoint pair of full size (SAT-Nano; or: run.sh pro),
# converts it, and races the bundle against PyTorch on one 288x288x96 patch with
# the same weights. Takes 14 GB of memory and some minutes. The interpreter is
# TRAINING_PYTHON, or the environment that scripts/training-tests.sh makes.
set -euo pipefail

cd "$(dirname "$0")/../.."
size=${1:-nano}
python=${TRAINING_PYTHON:-.tools/training/bin/python}
"$python" -c 'import torch' || {
  echo "run.sh: $python has no PyTorch: run scripts/training-tests.sh once, or set TRAINING_PYTHON" >&2
  exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

go build -o "$work/satgraph" ./cmd/satgraph
go build -o "$work/race" ./bench/convert
"$python" bench/convert/checkpoint.py --size "$size" --out "$work/checkpoint"
convert=("$work/satgraph" model convert --vision "$work/checkpoint/vision.pth"
  --text "$work/checkpoint/text_encoder.pth" -o "$work/bundle")
"$python" - "${convert[@]}" <<'PY'
import os, resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
use = resource.getrusage(resource.RUSAGE_CHILDREN)
size = sum(os.path.getsize(f) for f in sys.argv if f.endswith(".pth"))
print(f"converted {size / 1e6:.0f} MB in {time.perf_counter() - start:.1f} s ({use.ru_utime + use.ru_stime:.1f} s of processor), "
      f"peak memory {use.ru_maxrss * 1024 / size:.2f}x the checkpoints")
PY
"$work/race" -bundle "$work/bundle" -out "$work/logits" >"$work/ours.json"
"$python" bench/convert/peer.py --checkpoint "$work/checkpoint" --ours "$work/ours.json" --logits "$work/logits"
