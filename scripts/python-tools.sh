#!/usr/bin/env bash
# Prints the Python interpreter that has the packages of scripts/NAME.txt, by
# which tests check files with outside programs. The packages are kept in a
# virtual environment of the project, and installed where it lacks them. Those
# of scripts/NAME-source.txt have no wheels: they are built, with the setuptools
# that NAME.txt pins. TOOLS_PYTHON is another interpreter to start from, whose own
# packages are then seen too.
#
#   scripts/python-tools.sh graph-tools
set -euo pipefail

cd "$(dirname "$0")/.."
name=${1:?the name of a list of packages in scripts/}
list=scripts/$name.txt
source=scripts/$name-source.txt
[ -f "$source" ] || source=/dev/null
venv=.tools/$name
made() { cmp -s <(cat "$list" "$source") "$venv/installed.txt"; }
if ! made; then
  mkdir -p .tools
  exec 9>".tools/$name.lock"
  flock 9
  if ! made; then
    rm -rf "$venv"
    if [ -n "${TOOLS_PYTHON:-}" ]; then
      "$TOOLS_PYTHON" -m venv --system-site-packages "$venv" >&2
    else
      python3 -m venv "$venv" >&2
    fi
    install=("$venv/bin/python" -m pip install --disable-pip-version-check --quiet --no-deps --require-hashes)
    "${install[@]}" --only-binary :all: --requirement "$list" >&2
    if [ "$source" != /dev/null ]; then
      "${install[@]}" --no-build-isolation --requirement "$source" >&2
    fi
    cat "$list" "$source" >"$venv/installed.txt" # last: it says that all went well
  fi
fi
echo "$PWD/$venv/bin/python"
