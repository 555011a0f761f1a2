#!/usr/bin/env bash
# Follows the guide "Two machines, step by step" of docs/operator.md: runs its
# very blocks on two machines made of Linux namespaces, each with a network, a
# /srv and an /etc/hosts of its own, and one cable between them. While the job
# runs it kills worker, NATS, Neo4j and service, starts them again by the blocks
# that started them, and compares the masks with those of 'satgraph segment'.
#
#   scripts/two-machines.sh [PROGRAM]      default: bin/satgraph
#
# Needs no rights, no network, and leaves nothing running. Exit code 77, with the
# reason, where namespaces may not be made or a tool is missing.
set -euo pipefail

scripts=$(cd "$(dirname "$0")" && pwd)
guide=$scripts/../docs/operator.md
heading='## Two machines, step by step'
wait_s=60

skip() {
  echo "two-machines.sh: SKIPPED: $*" >&2
  exit 77
}

die() {
  echo "two-machines.sh: $*" >&2
  tail -n 20 "$work"/*.log >&2
  exit 1
}

note() { printf '%3d s  %s\n' "$SECONDS" "$*"; }

# outside prepares what comes from a network, and goes into the namespaces.
outside() {
  local tool
  for tool in unshare nsenter ip jq curl java setsid; do
    command -v "$tool" >/dev/null || skip "no $tool here"
  done
  unshare --user --map-root-user --net --mount --pid --fork --mount-proc \
    bash -c 'mount -t tmpfs none /srv && unshare --net true && ip link add cable1 type veth peer name cable2' 2>/dev/null ||
    skip "namespaces may not be made here"
  program=$(realpath "${1:-$scripts/../bin/satgraph}")
  [ -x "$program" ] || die "no program at $program: make build"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/bin" "$work/anywhere"
  ln -s "$program" "$work/bin/satgraph"
  (cd "$scripts/.." && go build -o "$work/bin/nats-server" github.com/nats-io/nats-server/v2)
  "$scripts/neo4j.sh" fetch || skip "no Neo4j here"
  if [ -z "${SATGRAPH_ONNXRUNTIME:-}" ]; then
    SATGRAPH_ONNXRUNTIME=$("$scripts/onnxruntime.sh")
  fi
  env -i PATH="$work/bin:$PATH" LANG=C.UTF-8 TMPDIR="${TMPDIR:-/tmp}" XDG_CACHE_HOME="${XDG_CACHE_HOME:-$HOME/.cache}" \
    SATGRAPH_ONNXRUNTIME="$SATGRAPH_ONNXRUNTIME" HOME=/srv TWO_MACHINES="$work" \
    unshare --user --map-root-user --net --mount --pid --fork --kill-child --mount-proc "$0" --inside
}

# machine NAME ADDRESS makes one, which is there as long as its process.
machine() {
  unshare --net --mount bash -c "mount -t tmpfs -o mode=755 none /srv; mount --bind '$work/hosts' /etc/hosts; ip link set lo up; echo; exec sleep infinity" >"$work/$1.up" &
  holder[$1]=$!
  for ((i = 0; i < 100; i++)); do
    [ -s "$work/$1.up" ] && return
    sleep 0.1
  done
  die "the machine $1 does not come up"
}

# on NAME COMMAND... runs a command there.
on() {
  local name=$1
  shift
  nsenter --net="/proc/${holder[$name]}/ns/net" --mount="/proc/${holder[$name]}/ns/mnt" --wdns="$scripts/.." "$@"
}

# block NAME prints the block of the guide whose first line is "# NAME", and
# notes that it was used.
block() {
  local text
  text=$(awk -v heading="$heading" -v name="# $1" '
    /^## / { inside = $0 == heading }
    /^```/ { shown = 0; if (inside && $0 == "```sh") { getline; shown = $0 == name } else { next } }
    shown' "$guide")
  [ -n "$text" ] || die "the guide has no block \"$1\""
  echo "$1" >>"$work/used"
  echo "$text"
}

# follow MACHINE BLOCK runs a block to its end.
follow() {
  note "$2"
  block "$2" >"$work/block"
  on "$1" bash -euo pipefail "$work/block" >>"$work/$1.log" 2>&1 || die "the block \"$2\" fails"
}

# terminal MACHINE BLOCK runs one that stays.
terminal() {
  note "$2"
  block "$2" >"$work/block: $2"
  # shellcheck disable=SC2016 # the inner shell's
  on "$1" setsid bash -c 'echo $$ >"$1.pid"; exec bash -euo pipefail "$1"' - "$work/block: $2" >>"$work/$2.log" 2>&1 &
}

# lose BLOCK kills all that a terminal runs, without a word to it.
lose() {
  note "kill -9: $1"
  kill -9 -- "-$(cat "$work/block: $1.pid")"
}

# say COMMANDS... to the shell of who uses the service, and show its answer.
say() {
  local line
  printf '%s\n' "$1" "echo; echo '-- done'" >&"${person[1]}"
  while read -r -t "$wait_s" line <&"${person[0]}"; do
    [ "$line" != '-- done' ] || return 0
    [ -z "$line" ] || echo "       $line"
  done
  die "no answer to: $1"
}

# until_ready PATTERN waits until /readyz says so.
until_ready() {
  local answer=
  for ((i = 0; i < wait_s * 5; i++)); do
    answer=$(on worker curl -s -m 5 http://service.example.org:8642/readyz || true)
    [[ $answer =~ $1 ]] && return
    sleep 0.2
  done
  die "/readyz never says $1, but $answer"
}

# until_job STATUS STARTS waits until the job stands so.
until_job() {
  local answer=
  for ((i = 0; i < wait_s * 5; i++)); do
    # shellcheck disable=SC2016 # the person's shell knows them
    answer=$(say 'ask $url/graphql --json "{\"query\": \"{ job(id: \\\"$job\\\") { status starts progress } }\"}"' || true)
    [[ $answer =~ \"status\":\"$1\",?.*\"starts\":$2 || $answer =~ \"starts\":$2.*\"status\":\"$1\" ]] && return
    sleep 0.2
  done
  die "the job is never $1 after $2 starts, but $answer"
}

inside() {
  work=$TWO_MACHINES
  declare -A holder
  local nats='service: NATS, in a terminal of its own' service='service: the service, in a terminal of its own'
  local worker='worker: the worker, in a terminal of its own' neo4j='service: Neo4j, for trying'
  printf '127.0.0.1 localhost\n10.86.42.1 service.example.org\n10.86.42.2 worker.example.org\n' >"$work/hosts"
  machine service
  machine worker
  ip link add cable1 type veth peer name cable2
  ip link set cable1 netns "${holder[service]}"
  ip link set cable2 netns "${holder[worker]}"
  on service ip address add 10.86.42.1/24 dev cable1
  on worker ip address add 10.86.42.2/24 dev cable2
  on service ip link set cable1 up
  on worker ip link set cable2 up

  satgraph phantom -o "$work/phantom" --seed 1 --count 1 --full --spacing 2.5 >/dev/null
  cp "$work/phantom/phantom_1/image.nii.gz" "$work/anywhere/scan.nii.gz"

  follow service 'service: secrets, once'
  terminal service "$nats"
  follow service "$neo4j"
  follow service "service: the service's settings, and a user"
  terminal service "$service"
  on service cat /srv/satgraph/nats-token | on worker bash -c 'mkdir /srv/satgraph; cat >/srv/satgraph/nats-token'
  terminal worker "$worker"
  until_ready '"degraded":\[\]'

  local token
  token=$(on service cat /srv/satgraph/ada-token)
  coproc person { SATGRAPH_TOKEN=$token on worker bash -c "cd '$work/anywhere' && exec bash -uo pipefail" 2>>"$work/anywhere.log"; }
  note 'anywhere'
  say "$(block 'anywhere: is all there?')"
  say "$(block 'anywhere: send a scan and have the children of the heart segmented')"
  until_job RUNNING 1

  lose "$service"
  terminal service "$service"
  until_ready '"degraded":\[\]'
  lose "$nats"
  until_ready 'the job server does not answer'
  terminal service "$nats"
  until_ready '"degraded":\[\]'
  until_job RUNNING '[0-9]+'
  lose "$worker"
  terminal worker "$worker"
  note 'kill -9: Neo4j'
  kill -9 "$(on service cat /srv/satgraph/neo4j/run/neo4j.pid)"
  until_ready 'the store does not answer'
  follow service "$neo4j"
  until_ready '"degraded":\[\]'

  note 'anywhere'
  say "$(block 'anywhere: wait for it and fetch the masks')"
  compare
  local all
  all=$(awk -v heading="$heading" '/^## / { inside = $0 == heading } inside && /^```sh/ { getline; print substr($0, 3) }' "$guide" | sort)
  [ "$all" = "$(sort -u "$work/used")" ] || die "blocks of the guide were left out"
  note 'done'
}

# compare holds the masks against those of a run that nothing disturbed.
compare() {
  local name n=0
  satgraph segment "$work/anywhere/scan.nii.gz" --query 'children of heart' --modality ct --no-resume -o "$work/undisturbed" >>"$work/anywhere.log" 2>&1 || [ $? = 4 ]
  for name in "$work"/anywhere/*.nii.gz; do
    name=${name##*/}
    [ "$name" != scan.nii.gz ] || continue
    cmp "$work/anywhere/$name" "$work/undisturbed/$name" || die "the mask $name differs"
    n=$((n + 1))
  done
  if [ "$n" -lt 3 ] || [ "$n" != "$(find "$work/undisturbed" -name '*.nii.gz' | wc -l)" ]; then die "$n masks came"; fi
  note "$n masks, those of an undisturbed run"
}

if [ "${1:-}" = --inside ]; then
  inside
else
  outside "$@"
fi
