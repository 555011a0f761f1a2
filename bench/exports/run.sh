#!/usr/bin/env bash
# Measures the exports of a corpus of eight CTs with 104 classes, format by format,
# with one worker and with two, against plain programs with NumPy, nibabel and
# highdicom, and against copying the files, in one run. It needs 3 GB of disk. What
# it makes is kept in DIR (default: .tools/exports-bench).
#
#   bench/exports/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

dir=${DIR:-.tools/exports-bench}
mkdir -p "$dir"
python=$(scripts/dicom-tools.sh)
go build -o "$dir/exports" ./bench/exports
[ -e "$dir/made" ] || { "$dir/exports" make "$dir" && touch "$dir/made"; }
"$dir/exports" race "$dir" "$python" bench/exports/peer.py
