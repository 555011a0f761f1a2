#!/usr/bin/env bash
# Races package datasets/metrics against surface-distance in Dice and NSD of 100
# structures at 512x512x300, in one run, and prints the ratios of time and peak
# memory. What it needs is kept in DIR (default: .tools/metrics-bench).
#
#   bench/metrics/run.sh [-n ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/../.."

dir=${DIR:-.tools/metrics-bench}
rounds=3
if [ "${1:-}" = -n ]; then
	rounds=$2
fi

mkdir -p "$dir"
if [ ! -x "$dir/venv/bin/python" ]; then
	python3 -m venv "$dir/venv"
fi
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --requirement bench/metrics/requirements.txt
go build -o "$dir/metrics" ./bench/metrics
if [ ! -f "$dir/pred.nii.gz" ]; then
	"$dir/metrics" make "$dir"
fi
"$dir/metrics" race -n "$rounds" "$dir/venv/bin/python" bench/metrics/peer.py "$dir/pred.nii.gz" "$dir/ref.nii.gz"
