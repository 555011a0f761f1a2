#!/usr/bin/env bash
# Prints the Python interpreter that has the packages of scripts/NAME.txt, by
# which tests check files with outside programs. The packages are kept in a
# virtual environment of the project, and installed where it lacks them.
#
#   scripts/python-tools.sh graph-tools
set -euo pipefail

cd "$(dirname "$0")/.."
name=${1:?the name of a list of packages in scripts/}
list=scripts/$name.txt
venv=.tools/$name
if ! cmp -s "$list" "$venv/installed.txt"; then
  mkdir -p .tools
  exec 9>".tools/$name.lock"
  flock 9
  if ! cmp -s "$list" "$venv/installed.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv" >&2
    "$venv/bin/python" -m pip install --disable-pip-version-check --quiet --no-deps \
      --require-hashes --only-binary :all: --requirement "$list" >&2
    cp "$list" "$venv/installed.txt" # last: it says that all went well
  fi
fi
echo "$PWD/$venv/bin/python"
