#!/usr/bin/env bash
# Fetches GraphiQL, an editor for GraphQL, and what it needs from npm, checked
# against the sums below, and lays it where the next build embeds it
# (api/explorer/fetched). A program built without it says at /graphiql how to get
# it. Everything is under the MIT licence; the licences are embedded, too.
#
#   scripts/graphiql.sh          fetches what is not there yet
set -euo pipefail

cd "$(dirname "$0")/.."
out=api/explorer/fetched
# package, file in it, name here, SHA-256 of the file
files="
graphiql@3.9.0 graphiql.min.js graphiql.js a330a2be1d2389486840a9d0a834767d9083a23f105879e0de54e4fce83d3513
graphiql@3.9.0 graphiql.min.css graphiql.css bdddd50aac5bdb0edd83e5c862ba2fed9db2964e4c75d4655ab62b0a7d5bd730
react@18.3.1 umd/react.production.min.js react.js d949f1c3687aedadcedac85261865f29b17cd273997e7f6b2bfc53b2f9d4c4dd
react-dom@18.3.1 umd/react-dom.production.min.js react-dom.js 35f4f974f4b2bcd44da73963347f8952e341f83909e4498227d4e26b98f66f0d
graphql-ws@5.16.2 umd/graphql-ws.min.js graphql-ws.js deb8cd1b4feadd52ae0365a4df8a89847f2904c2a8cbdac8756b8d962c0cb8e4
"
want=$(echo "$files" | sha256sum | cut -d' ' -f1)
if [ "$(cat "$out/.installed" 2>/dev/null)" = "$want" ]; then
  exit 0
fi
command -v npm >/dev/null || {
  echo "graphiql.sh: npm is missing, so the program will have no GraphiQL" >&2
  exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/out"
fetched=
while read -r package file name sum; do
  [ -n "$package" ] || continue
  folder=$work/${package%@*}
  if [ ! -d "$folder" ]; then
    mkdir "$folder"
    (cd "$work" && npm pack --silent "$package" >/dev/null)
    tar xzf "$work/${package/@/-}.tgz" -C "$folder" --strip-components=1
    fetched="$fetched $package"
  fi
  echo "$sum  $folder/$file" | sha256sum --check --status || {
    echo "graphiql.sh: $file of $package is not the file that was meant" >&2
    exit 1
  }
  gzip -9nc "$folder/$file" >"$work/out/$name.gz"
done <<<"$files"
for package in $fetched; do
  printf '%s\n\n' "$package"
  cat "$work/${package%@*}"/LICENSE*
  printf '\n'
done | gzip -9n >"$work/out/licences.txt.gz"
echo "$want" >"$work/out/.installed"
rm -rf "$out"
mkdir -p "$(dirname "$out")"
cp -r "$work/out" "$out"
echo "graphiql.sh: fetched$fetched" >&2
