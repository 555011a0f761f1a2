#!/usr/bin/env bash
# Prints the Python interpreter that has highdicom and dcmqi, by which tests read
# DICOM segmentations back. They are kept in a virtual environment of the
# project, and installed where it lacks them.
set -euo pipefail

cd "$(dirname "$0")/.."
venv=.tools/dicom-tools
if ! cmp -s scripts/dicom-tools.txt "$venv/installed.txt"; then
  mkdir -p .tools
  exec 9>.tools/dicom-tools.lock
  flock 9
  if ! cmp -s scripts/dicom-tools.txt "$venv/installed.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv" >&2
    "$venv/bin/python" -m pip install --disable-pip-version-check --quiet \
      --only-binary :all: --requirement scripts/dicom-tools.txt >&2
    cp scripts/dicom-tools.txt "$venv/installed.txt" # last: it says that all went well
  fi
fi
echo "$PWD/$venv/bin/python"
