#!/usr/bin/env bash
# Installs the project's Go tools into .tools/bin, each at the version pinned
# below. Go checks every module against its public checksum database; a tool
# that is there at its pinned version is left alone, so a second run is quick.
#
#   scripts/tools.sh            all of them
#   scripts/tools.sh NAME...    only these (golangci-lint, govulncheck)
set -euo pipefail

cd "$(dirname "$0")/.."
bin=$PWD/.tools/bin

package_of() {
  case $1 in
  golangci-lint) echo github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 ;;
  govulncheck) echo golang.org/x/vuln/cmd/govulncheck@v1.9.0 ;;
  *)
    echo "tools.sh: no tool called $1 (known: golangci-lint, govulncheck)" >&2
    return 2
    ;;
  esac
}

# What is installed is read from the binary itself, so an interrupted or an
# older install is never taken for the pinned one. The Go release counts too:
# a linter built by an older Go refuses newer code.
installed() {
  go version -m "$bin/$1" 2>/dev/null | awk -v go="$(go env GOVERSION)" -v want="${2##*@}" '
    NR == 1 { built = $2 }
    $1 == "mod" { version = $3 }
    END { exit !(built == go && version == want) }'
}

[ $# -gt 0 ] || set -- golangci-lint govulncheck
mkdir -p "$bin"
for tool in "$@"; do
  package=$(package_of "$tool")
  installed "$tool" "$package" && continue
  echo "tools.sh: installing $package" >&2
  GOBIN=$bin GOFLAGS='' go install "$package"
done
