#!/usr/bin/env bash
# usage: fuzz-short.sh TIME      Runs each fuzz target of the module for TIME (10s, 2m), one after the other.
set -euo pipefail
cd -- "$(dirname -- "$0")/.."
time=${1:?usage: fuzz-short.sh TIME, for instance 10s}

found=0
for package in $(go list ./...); do
  for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
    found=$((found + 1))
    printf '%s %s\n' "$package" "$target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package"
  done
done
[ "$found" -gt 0 ] || { echo 'no fuzz target found: is this the module?' >&2; exit 1; }
