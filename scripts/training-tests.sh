#!/usr/bin/env bash
# Runs the tests of training/. With TRAINING_PYTHON set, that interpreter is
# used as it is. Otherwise Debian's PyTorch (the CPU build, 150 MB) is, under
# /usr/bin/python3, with the wheels of training-tests.txt in a virtual
# environment of the project. Exit 3 where that can't be had.
set -euo pipefail

cd "$(dirname "$0")/.."
python=${TRAINING_PYTHON:-}
if [ -z "$python" ]; then
  scripts/need.sh torch || exit 3
  venv=.tools/training
  python=$venv/bin/python
  if ! cmp -s scripts/training-tests.txt "$venv/installed.txt"; then
    rm -rf "$venv"
    /usr/bin/python3 -m venv --system-site-packages "$venv"
    "$python" -m pip install --disable-pip-version-check --quiet --no-deps \
      --require-hashes --only-binary :all: --requirement scripts/training-tests.txt || exit 3
    cp scripts/training-tests.txt "$venv/installed.txt" # last: it says that all went well
  fi
fi
# Tiny models: threads only get into each other's way.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
exec "$python" -B -m pytest -q -p no:cacheprovider training/tests
