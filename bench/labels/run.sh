#!/usr/bin/env bash
# Races package labelmap/suggest against rapidfuzz (WRatio over every name and
# synonym of the tree) on the judged labels, in one run, and prints times and
# accuracy of both. What it needs is kept in DIR (default: .tools/labels-bench).
#
#   bench/labels/run.sh [-n LABELS]     LABELS of the long list, default 100000
set -euo pipefail
cd "$(dirname "$0")/../.."

dir=${DIR:-.tools/labels-bench}
mkdir -p "$dir"
if [ ! -x "$dir/venv/bin/python" ]; then
	python3 -m venv "$dir/venv"
fi
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --requirement bench/labels/requirements.txt
go build -o "$dir/labels" ./bench/labels
"$dir/labels" "$@" "$dir" labelmap/suggest/devset/labels.tsv "$dir/venv/bin/python" bench/labels/peer.py
