#!/usr/bin/env bash
# Makes sure that the programs named are there. What is missing is installed
# with apt-get where that can be done (as root); elsewhere one line says what
# is missing and why it is needed, and the script fails.
#
#   scripts/need.sh go cc pip shellcheck torch
set -euo pipefail

here() {
  case $1 in
  go)
    local version
    version=$(go env GOVERSION 2>/dev/null) || return 1
    version=${version#go1.}
    [ "${version%%[!0-9]*}" -ge 26 ]
    ;;
  cc)
    local cc
    read -ra cc <<<"$(go env CC)" # may hold flags
    echo 'int main(void) { return 0; }' | "${cc[@]}" -x c -o /dev/null - 2>/dev/null
    ;;
  pip) python3 -m pip --version >/dev/null 2>&1 ;;
  shellcheck) command -v shellcheck >/dev/null ;;
  java)
    local version
    version=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')
    [ "${version:-0}" -ge 17 ]
    ;;
  mvn) command -v mvn >/dev/null ;;
  torch) /usr/bin/python3 -c 'import ensurepip, torch' 2>/dev/null ;;
  libpython) /usr/bin/python3 -c 'import ctypes, sysconfig; ctypes.CDLL(sysconfig.get_config_var("INSTSONAME"))' 2>/dev/null ;;
  *)
    echo "need.sh: no need called $1 is known" >&2
    exit 2
    ;;
  esac
}

# The Debian and Ubuntu packages; none for Go, whose packages there are too old.
packages() {
  case $1 in
  go) ;;
  cc) echo gcc libc6-dev ;;
  pip) echo python3 python3-pip ;;
  shellcheck) echo shellcheck ;;
  java) echo openjdk-17-jre-headless ;;
  mvn) echo maven ;;
  torch) echo python3-torch python3-venv ;;
  libpython) echo python3 libpython3-dev ;;
  esac
}

purpose() {
  case $1 in
  go) echo "Go 1.26 or newer builds the program (https://go.dev/dl)" ;;
  cc) echo "a C compiler ties in ONNX Runtime through cgo, and runs the race detector" ;;
  pip) echo "Python 3 with pip fetches ONNX Runtime's library" ;;
  shellcheck) echo "ShellCheck reads the scripts" ;;
  java) echo "Java 17 or 21 runs Neo4j, which the tests of store/neo4j need" ;;
  mvn) echo "Maven fetches Neo4j once" ;;
  libpython) echo "Triton, which the tests of inference/remote start, runs in the system's Python with its library" ;;
  torch) echo "PyTorch under /usr/bin/python3, and venv, run the tests of training/" ;;
  esac
}

missing=()
for need in "$@"; do
  here "$need" || missing+=("$need")
done
[ ${#missing[@]} -gt 0 ] || exit 0

install=()
for need in "${missing[@]}"; do
  read -ra names <<<"$(packages "$need")"
  install+=("${names[@]}")
done
if [ ${#install[@]} -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "need.sh: installing ${install[*]}" >&2
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >&2 || true # an older list may still do
  apt-get install -y -qq --no-install-recommends "${install[@]}" >&2 || true
fi

failed=0
for need in "${missing[@]}"; do
  if ! here "$need"; then
    advice=$(packages "$need")
    echo "need.sh: missing: $(purpose "$need")${advice:+; on Debian and Ubuntu: apt-get install $advice}" >&2
    failed=1
  fi
done
exit $failed
