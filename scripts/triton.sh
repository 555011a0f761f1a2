#!/usr/bin/env bash
# Starts and stops a real Triton server on the CPU, for the tests of
# inference/remote and for trying them out.
#
#   scripts/triton.sh up DIR HTTP_PORT GRPC_PORT NAME=MODEL.onnx...
#   scripts/triton.sh down DIR
#
# "up" returns once every model can be called; the server's log is DIR/log.
#
# The server is the one that PyPI's nvidia-pytriton holds (450 MB once
# installed, kept in the cache folder). Of Triton's backends only Python's is in
# it, so ONNX Runtime runs the models in there. That backend needs the system's
# Python with its libpython: on Debian python3 and libpython3.11.
set -euo pipefail

fail() {
  echo "triton.sh: $*" >&2
  exit 1
}

usage() {
  sed -n '5,6s/^# *//p' "$0" >&2
  exit 2
}

python=${SATGRAPH_TRITON_PYTHON:-/usr/bin/python3}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/satgraph/triton-0.7.0

install() {
  mkdir -p "$cache"
  (
    flock 9
    [ -f "$cache/done" ] && exit 0
    "$python" -m venv --clear --without-pip "$cache/venv"
    python3 -m pip --disable-pip-version-check --python "$cache/venv/bin/python" \
      install --quiet nvidia-pytriton==0.7.0 onnxruntime==1.24.4 >&2
    touch "$cache/done"
  ) 9>"$cache/lock" || fail "nvidia-pytriton can't be installed"
}

serve() { # DIR HTTP GRPC NAME=MODEL...
  cat <<'PY'
import signal
import sys
import threading

import numpy as np
import onnxruntime
from pytriton.decorators import sample
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

NUMPY = {"tensor(float)": np.float32, "tensor(int64)": np.int64}


def ports(nodes):
    free = lambda d: d if isinstance(d, int) else -1
    return [Tensor(name=n.name, dtype=NUMPY[n.type], shape=tuple(map(free, n.shape))) for n in nodes]


def function(session):
    names = [o.name for o in session.get_outputs()]

    @sample
    def infer(**tensors):
        return dict(zip(names, session.run(names, tensors)))

    return infer


folder, http, grpc, *models = sys.argv[1:]
ended = threading.Event()
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: ended.set())
where = "127.0.0.1"
config = TritonConfig(http_address=where, http_port=int(http), grpc_address=where, grpc_port=int(grpc), allow_metrics=False)
with Triton(config=config) as triton:
    for model in models:
        name, path = model.split("=", 1)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        triton.bind(
            model_name=name,
            infer_func=function(session),
            inputs=ports(session.get_inputs()),
            outputs=ports(session.get_outputs()),
            config=ModelConfig(batching=False),
        )
    triton.run()
    open(folder + "/ready", "w").close()
    ended.wait()
PY
}

# A server that breaks off while it starts, as it may on a busy machine, gets a
# second try.
up() {
  [ $# -ge 4 ] || usage
  start "$@" || start "$@" || fail "the server did not start; see $1/log"
}

start() {
  mkdir -p "$1"
  local dir http=$2 grpc=$3 pid
  dir=$(cd "$1" && pwd)
  shift 3
  for model in "$@"; do
    [ -f "${model#*=}" ] || fail "there is no file ${model#*=}"
  done
  install
  rm -f "$dir/ready"
  serve >"$dir/serve.py"
  setsid "$cache/venv/bin/python" "$dir/serve.py" "$dir" "$http" "$grpc" "$@" >"$dir/log" 2>&1 </dev/null &
  pid=$!
  echo "$pid" >"$dir/pid"
  for _ in $(seq 600); do
    [ ! -f "$dir/ready" ] || return 0
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 5 "$dir/log" >&2
  down "$dir"
  return 1
}

down() {
  [ $# -eq 1 ] || usage
  [ -f "$1/pid" ] || return 0
  local pid
  pid=$(cat "$1/pid")
  if ps -o args= -p "$pid" 2>/dev/null | grep -qF serve.py; then
    kill "$pid"
    for _ in $(seq 150); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    # A killed Python would leave its tritonserver behind.
    kill -9 -- "-$pid" 2>/dev/null || true
  fi
  rm -f "$1/pid" "$1/ready"
}

[ $# -ge 1 ] || usage
command=$1
shift
case $command in
up) up "$@" ;;
down) down "$@" ;;
*) usage ;;
esac
