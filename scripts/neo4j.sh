#!/usr/bin/env bash
# Starts and stops a real Neo4j Community server for tests and benches, without
# a container engine and without installing it.
#
#   NEO4J_PASSWORD=… scripts/neo4j.sh start DIR    prints the server's URI
#   scripts/neo4j.sh stop DIR                      the data stay in DIR
#   scripts/neo4j.sh fetch                         only fetches what start needs
#
# DIR is the server's home and made where it is missing. The password of the
# user neo4j, eight characters or more, is set at a folder's first start. A
# start of a running server prints its URI again; a stop of none does nothing.
#
# The server is made of the jars on Maven Central that neo4j.sha256 lists and
# checks (123 MB, GPLv3: fetched, never shipped), kept in
# ${XDG_CACHE_HOME:-~/.cache}/satgraph/neo4j/VERSION. It listens on 127.0.0.1
# alone.
#
# NEO4J_BOLT_PORT  default: a free one     NEO4J_HEAP       default 512m
# NEO4J_HTTP_PORT  default: no HTTP        NEO4J_PAGECACHE  default 64m
set -euo pipefail

scripts=$(cd "$(dirname "$0")" && pwd)
version=5.26.30
cache=${XDG_CACHE_HOME:-$HOME/.cache}/satgraph/neo4j/$version
wait_s=120

die() {
  echo "neo4j.sh: $*" >&2
  exit 1
}

# pid_of_server: the process of this folder's server, if it runs.
pid_of_server() {
  local pid
  pid=$(cat "$home/run/neo4j.pid" 2>/dev/null) && [ -n "$pid" ] &&
    ps -o args= -p "$pid" 2>/dev/null | grep -qF -- "--home-dir=$home " && echo "$pid"
}

# answers PORT: a Bolt handshake there ends with version 5.
answers() {
  local got
  # shellcheck disable=SC2016 # $0 is the inner shell's
  got=$(timeout 2 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0" &&
    printf "\x60\x60\xb0\x17\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0\0" >&3 && od -An -tx1 -N4 <&3' "$1" 2>/dev/null | tr -d ' \n')
  [ "$got" = 00000005 ]
}

# all_pinned DIR: DIR holds the listed jars and no others, each with its sum.
all_pinned() {
  [ -d "$1" ] || return 1
  cmp -s <(cd "$1" && printf '%s\n' *.jar | LC_ALL=C sort) <(awk '{ print $2 }' "$scripts/neo4j.sha256" | LC_ALL=C sort) &&
    (cd "$1" && sha256sum --check --status "$scripts/neo4j.sha256")
}

# fetch puts the jars into the cache by one rename.
fetch() {
  mkdir -p "$(dirname "$cache")"
  exec 9>"$cache.lock"
  flock 9
  if ! all_pinned "$cache"; then
    "$scripts/need.sh" mvn
    echo "neo4j.sh: fetching Neo4j $version" >&2
    rm -rf "$cache.new"
    mkdir "$cache.new"
    cat >"$cache.new/pom.xml" <<POM
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>satgraph</groupId><artifactId>neo4j</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.neo4j</groupId><artifactId>neo4j</artifactId><version>$version</version></dependency>
    <dependency><groupId>org.neo4j.app</groupId><artifactId>neo4j-server</artifactId><version>$version</version></dependency>
  </dependencies>
</project>
POM
    mvn --quiet --batch-mode -Dstyle.color=never --file "$cache.new/pom.xml" \
      org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
      -DincludeScope=runtime -DoutputDirectory="$cache.new/lib" >&2 || die "Maven could not fetch Neo4j $version"
    all_pinned "$cache.new/lib" || die "the jars are not those that neo4j.sha256 lists"
    rm -rf "$cache"
    mv "$cache.new/lib" "$cache"
    rm -rf "$cache.new"
  fi
  exec 9>&-
}

configure() {
  mkdir -p "$home/conf" "$home/logs" "$home/run"
  cat >"$home/conf/neo4j.conf" <<CONF
server.default_listen_address=127.0.0.1
server.bolt.listen_address=127.0.0.1:$bolt
server.bolt.advertised_address=127.0.0.1:$bolt
server.http.enabled=$([ -n "${NEO4J_HTTP_PORT:-}" ] && echo true || echo false)
server.http.listen_address=127.0.0.1:${NEO4J_HTTP_PORT:-7474}
dbms.security.auth_enabled=true
server.memory.pagecache.size=${NEO4J_PAGECACHE:-64m}
dbms.usage_report.enabled=false
# Small files and a quick stop: a server for tests.
db.tx_log.preallocate=false
db.tx_log.rotation.size=16m
internal.dbms.bolt.netty_server_shutdown_quiet_period=0
CONF
}

start() {
  local pid bolt=${NEO4J_BOLT_PORT:-}
  mkdir -p "$home"
  exec 8>"$home/lock" # one start or stop at a time
  flock 8
  if pid=$(pid_of_server); then
    bolt=$(cat "$home/run/port")
    answers "$bolt" || die "a server runs (process $pid) and does not answer: neo4j.sh stop $home"
    echo "bolt://127.0.0.1:$bolt"
    return
  fi
  [ ${#NEO4J_PASSWORD} -ge 8 ] || die "NEO4J_PASSWORD needs eight characters or more"
  "$scripts/need.sh" java
  fetch
  # Neo4j does not tell which port it took for port 0, so a free one is sought.
  while [ -z "$bolt" ]; do
    bolt=$((20000 + RANDOM % 12000))
    if (exec 3<>"/dev/tcp/127.0.0.1/$bolt") 2>/dev/null; then bolt=; fi
  done
  configure
  if [ ! -d "$home/data/dbms" ]; then
    NEO4J_HOME=$home NEO4J_CONF=$home/conf java -XX:TieredStopAtLevel=1 -cp "$cache/*" \
      org.neo4j.server.startup.Neo4jAdminCommand dbms set-initial-password "$NEO4J_PASSWORD" >"$home/logs/password.log" 2>&1 ||
      die "the password could not be set: $home/logs/password.log"
  fi
  : >"$home/logs/neo4j.log"
  NEO4J_HOME=$home NEO4J_CONF=$home/conf setsid nohup java "-Xms${NEO4J_HEAP:-512m}" "-Xmx${NEO4J_HEAP:-512m}" -XX:+UseSerialGC \
    -XX:+ExitOnOutOfMemoryError -Dfile.encoding=UTF-8 -Dio.netty.tryReflectionSetAccessible=true -Dlog4j2.disable.jmx=true \
    --add-opens=java.base/java.nio=ALL-UNNAMED --add-opens=java.base/java.io=ALL-UNNAMED --add-opens=java.base/sun.nio.ch=ALL-UNNAMED \
    -cp "$cache/*" org.neo4j.server.CommunityEntryPoint "--home-dir=$home" "--config-dir=$home/conf" \
    >"$home/logs/console.log" 2>&1 </dev/null 8>&- &
  pid=$!
  echo "$pid" >"$home/run/neo4j.pid"
  echo "$bolt" >"$home/run/port"
  for ((i = 0; i < wait_s * 10; i++)); do
    if ! kill -0 "$pid" 2>/dev/null; then
      tail -n 20 "$home/logs/neo4j.log" "$home/logs/console.log" >&2
      die "Neo4j ended while it started"
    fi
    if grep -q ' Started\.$' "$home/logs/neo4j.log" && answers "$bolt"; then
      echo "bolt://127.0.0.1:$bolt"
      return
    fi
    sleep 0.1
  done
  kill "$pid"
  die "no answer after $wait_s s; see $home/logs"
}

stop() {
  local pid
  [ -d "$home" ] || return 0
  exec 8>"$home/lock"
  flock 8
  pid=$(pid_of_server) || return 0
  kill "$pid"
  for ((i = 0; i < 300; i++)); do
    pid_of_server >/dev/null || return 0
    sleep 0.1
  done
  echo "neo4j.sh: the server did not stop within 30 s and was killed" >&2
  kill -9 "$pid"
}

if [ "$*" = fetch ]; then
  "$scripts/need.sh" java
  fetch
  exit
fi
if [ $# != 2 ] || { [ "$1" != start ] && [ "$1" != stop ]; }; then
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2
  exit 2
fi
NEO4J_PASSWORD=${NEO4J_PASSWORD:-}
home=$(realpath -m "$2")
"$1"
