#!/usr/bin/env bash
# Puts the ONNX Runtime library where satgraph looks for it, and prints its
# path. Run it once; a second run only checks that the file is still the one
# pinned here.
#
#   scripts/onnxruntime.sh
#
# The library is taken out of the onnxruntime wheel on PyPI (17 MB), fetched by
# pip and checked against the sums below; nothing is installed into Python. It
# lands in ${XDG_CACHE_HOME:-~/.cache}/satgraph/onnxruntime/VERSION/. Linux on
# x86_64 or aarch64; elsewhere install ONNX Runtime 1.24 or newer yourself and
# set SATGRAPH_ONNXRUNTIME to the library's path. Needs python3 with pip.
set -euo pipefail

version=1.24.4
case "$(uname -s) $(uname -m)" in
'Linux x86_64')
  platform=manylinux_2_28_x86_64
  wheel_sha256=e54ad52e61d2d4618dcff8fa1480ac66b24ee2eab73331322db1049f11ccf330
  library_sha256=2d518e11c7767f9fdc4413bdbeb45acf30db504ff76a82fc19d9238a3f9f6c24
  ;;
'Linux aarch64')
  platform=manylinux_2_28_aarch64
  wheel_sha256=046ff290045a387676941a02a8ae5c3ebec6b4f551ae228711968c4a69d8f6b7
  library_sha256=f373ae5fd4d878ed17ebea26e5480bd3d0a15e3bd6bc94b878e6c1b73998d22a
  ;;
*)
  echo "onnxruntime.sh: no library is pinned for $(uname -s) on $(uname -m);" \
    "install ONNX Runtime 1.24 or newer and set SATGRAPH_ONNXRUNTIME to its library" >&2
  exit 1
  ;;
esac

name=libonnxruntime.so.$version
folder=${XDG_CACHE_HOME:-$HOME/.cache}/satgraph/onnxruntime/$version

is_pinned() { echo "$library_sha256  $1" | sha256sum --check --status 2>/dev/null; }

if ! is_pinned "$folder/$name"; then
  if ! python3 -m pip --version >/dev/null 2>&1; then
    echo "onnxruntime.sh: python3 with pip is needed to fetch the library" \
      "(Debian, Ubuntu: apt-get install python3-pip)" >&2
    exit 1
  fi
  mkdir -p "$folder"
  work=$(mktemp -d "$folder/.fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  echo "onnxruntime.sh: fetching ONNX Runtime $version" >&2
  # pip refuses a wheel of any other sum. Any CPython's wheel would do, since
  # only the C library in it is used.
  echo "onnxruntime==$version --hash=sha256:$wheel_sha256" >"$work/requirements.txt"
  python3 -m pip download --disable-pip-version-check --quiet --no-deps \
    --require-hashes --only-binary :all: --python-version 3.11 \
    --implementation cp --abi cp311 --platform "$platform" \
    --dest "$work" --requirement "$work/requirements.txt" >&2
  python3 -m zipfile --extract "$work"/*.whl "$work/wheel"
  is_pinned "$work/wheel/onnxruntime/capi/$name" || {
    echo "onnxruntime.sh: $name in the wheel is not the library pinned here" >&2
    exit 1
  }
  mv -f "$work/wheel/onnxruntime/LICENSE" "$work/wheel/onnxruntime/ThirdPartyNotices.txt" "$folder/"
  mv -f "$work/wheel/onnxruntime/capi/$name" "$folder/$name"
fi
echo "$folder/$name"
