#!/usr/bin/env bash
# Races package volume against nibabel in reading a 512x512x300 int16 .nii.gz to
# float32, in one run, and prints the ratio of times and the peak memory of both.
# What it needs is kept in DIR (default: .tools/nifti-read in the repository).
#
#   bench/nifti-read/run.sh [-n ROUNDS] [FILE.nii.gz]
set -euo pipefail
cd "$(dirname "$0")/../.."

dir=${DIR:-.tools/nifti-read}
rounds=7
if [ "${1:-}" = -n ]; then
	rounds=$2
	shift 2
fi
file=${1:-$dir/scan.nii.gz}

mkdir -p "$dir"
if [ ! -x "$dir/venv/bin/python" ]; then
	python3 -m venv "$dir/venv"
fi
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --requirement bench/requirements.txt
go build -o "$dir/nifti-read" ./bench/nifti-read
if [ ! -f "$file" ]; then
	"$dir/nifti-read" make "$file"
fi
"$dir/nifti-read" race -n "$rounds" "$dir/venv/bin/python" bench/nifti-read/peer.py "$file"
